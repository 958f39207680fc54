/** The lecture's data: names split and cut into contexts as its notebook does it, and the batches that it draws from them. */
import { contexts, type Examples } from '../../core/data/contexts.ts';
import { splitLinesAsNotebook } from '../../core/data/split.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import type { TorchGenerator } from '../../core/random/torch.ts';
import type { Batch } from './forward.ts';

export interface Names {
  readonly vocabulary: Vocabulary;
  readonly train: Examples;
  readonly val: Examples;
}

/** @throws UserError where the lines are too few, or no names */
export function splitNames(lines: readonly string[], blockSize: number): Names {
  const vocabulary = Vocabulary.fromLines(lines);
  const { train, val } = splitLinesAsNotebook(lines);
  return { vocabulary, train: contexts(train, vocabulary, blockSize), val: contexts(val, vocabulary, blockSize) };
}

/** A batch of n examples, drawn with replacement. */
export function drawBatch(examples: Examples, n: number, generator: TorchGenerator): Batch {
  const { blockSize } = examples;
  const [x, y] = [new Uint16Array(n * blockSize), new Uint16Array(n)];
  for (const [row, i] of generator.randint(0, examples.count, n).entries()) {
    x.set(examples.x.subarray(i * blockSize, (i + 1) * blockSize), row * blockSize);
    y[row] = examples.y[i];
  }
  return { x, y };
}
