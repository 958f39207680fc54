/** Names drawn character by character from a table of probabilities, counted or learned, as the lecture's notebook draws them. */
import { BOUNDARY_ID, type Vocabulary } from '../../core/data/vocabulary.ts';
import type { TorchGenerator } from '../../core/random/torch.ts';

/** A table that never ends a word would be asked for ever. */
const LONGEST = 1000;

/**
 * One name, without its boundaries: each character is one draw, with replacement, from the row of the one before, in float32.
 * @param rows for each character the probabilities of the next
 */
export function sampleName(
  rows: readonly ArrayLike<number>[],
  vocabulary: Vocabulary,
  generator: TorchGenerator,
): string {
  const ids: number[] = [];
  while (ids.length < LONGEST) {
    const [id] = generator.multinomial(rows[ids.at(-1) ?? BOUNDARY_ID], 1, true);
    if (id === BOUNDARY_ID) break;
    ids.push(id);
  }
  return vocabulary.decode(ids);
}

/** Several names, one after the other from the same generator. */
export const sampleNames = (
  n: number,
  rows: readonly ArrayLike<number>[],
  vocabulary: Vocabulary,
  generator: TorchGenerator,
): string[] => Array.from({ length: n }, () => sampleName(rows, vocabulary, generator));
