/** A single token as a text that can be shown: half a character, which has none, as its bytes. */
import type { Tokenizer } from './tokenizer.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether an id below the vocabulary's size is a token's: published vocabularies have gaps, and a model may draw from one. */
export function isToken(tokenizer: Tokenizer, id: number): boolean {
  try {
    tokenizer.bytesOf(id);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** `the`, or `\xe2\x80` where that is no UTF-8. White space stays as it is. The empty text where the id is no token's. */
export function symbolOf(tokenizer: Tokenizer, id: number): string {
  if (!isToken(tokenizer, id)) return '';
  const bytes = tokenizer.bytesOf(id);
  try {
    return strict.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  }
}

/** The symbols of all ids, or of the first `most`. */
export const symbolsOf = (tokenizer: Tokenizer, most = tokenizer.vocabSize): string[] =>
  Array.from({ length: Math.min(most, tokenizer.vocabSize) }, (_, id) => symbolOf(tokenizer, id));
