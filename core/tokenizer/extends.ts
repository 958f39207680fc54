/** Whether a tokenizer is another one with tokens added: what a model that knows the one must be given to grow to. */
import type { Tokenizer } from './tokenizer.ts';

/**
 * The first id below the smaller one's vocabulary that stands for something else in the larger one, or in one of them for nothing;
 * null if there is none.
 */
export function firstDifference(smaller: Tokenizer, larger: Tokenizer): number | null {
  for (let id = 0; id < smaller.vocabSize; id++) {
    const [a, b] = [bytesOf(smaller, id), bytesOf(larger, id)];
    if (a === null || b === null ? a !== b : a.length !== b.length || a.some((byte, i) => byte !== b[i])) return id;
  }
  return null;
}

/** Null where the id is no token's: published vocabularies have gaps. */
function bytesOf(tokenizer: Tokenizer, id: number): Uint8Array | null {
  try {
    return tokenizer.bytesOf(id);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
