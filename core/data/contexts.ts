// makemore's examples: predict each character of a word, and its end, from the `blockSize` characters before it.

import { BOUNDARY_ID, type Vocabulary } from './vocabulary.ts';

/** Contexts x, u16[count, blockSize], and the token that follows each, y, u16[count]. */
export interface Examples {
  readonly x: Uint16Array<ArrayBuffer>;
  readonly y: Uint16Array<ArrayBuffer>;
  readonly count: number;
  readonly blockSize: number;
}

/**
 * The examples of some words, in order. A word of n characters gives n + 1: its first context is all boundary, each next
 * one is moved on by a character, and the last target is the boundary.
 *
 * @throws UserError on a character that is not in the vocabulary; RangeError where blockSize is no positive integer
 */
export function contexts(lines: readonly string[], vocabulary: Vocabulary, blockSize: number): Examples {
  if (!Number.isInteger(blockSize) || blockSize < 1) {
    throw new RangeError(`blockSize must be a positive integer, not ${blockSize}`);
  }
  const words = lines.map((line) => vocabulary.encode(line));
  const count = words.reduce((sum, word) => sum + word.length + 1, 0);
  const x = new Uint16Array(count * blockSize);
  const y = new Uint16Array(count);
  const context = new Uint16Array(blockSize);
  let example = 0;
  const push = (target: number) => {
    x.set(context, example * blockSize);
    y[example] = target;
    example++;
    context.copyWithin(0, 1);
    context[blockSize - 1] = target;
  };
  for (const word of words) {
    context.fill(BOUNDARY_ID);
    for (const id of word) push(id);
    push(BOUNDARY_ID);
  }
  return { x, y, count, blockSize };
}
