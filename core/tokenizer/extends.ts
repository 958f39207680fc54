/** A tokenizer with tokens added, and whether one is another one so: what a model that knows the one can grow to. */
import { UserError } from '../errors.ts';
import { describe, fromDescription } from './description.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * A tokenizer with special tokens added after all that it has.
 * @throws UserError where it has one already, or is of a kind that has none
 */
export function withSpecial(tokenizer: Tokenizer, texts: readonly string[]): Tokenizer {
  for (const [i, text] of texts.entries())
    if (text === '' || tokenizer.special.has(text) || texts.indexOf(text) < i)
      throw new UserError(
        `the special token ${JSON.stringify(text)} is empty or there already: give texts that the tokenizer has not, each once.`,
      );
  const description = describe(tokenizer);
  switch (description.kind) {
    case 'bytePairs': {
      const added = texts.map((text, i): [string, number] => [text, tokenizer.vocabSize + i]);
      return fromDescription({ ...description, special: [...description.special, ...added] });
    }
    case 'sentencePiece': {
      const added = texts.map((text): (typeof description.pieces)[number] => [text, 0, 'control']);
      return fromDescription({ ...description, pieces: [...description.pieces, ...added] });
    }
    case 'characters':
      throw new UserError('a tokenizer of characters has no special tokens: add characters instead.');
    default:
      return description satisfies never;
  }
}

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
