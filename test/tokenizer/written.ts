/** Tokenizers to write and read, and what is refused. */
import { expect } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

/** Of which `trained` has learned. */
export const TEXT = "the theme: then there's 'the' other 2024 2025, und über 世界 😀😀 \n\n  the __proto__ end";
export const SPECIAL = new Map([
  ['<|end|>', 400],
  ['<|pad|>', 402],
]);
export const trained = (pattern: string) =>
  new RegexTokenizer(pattern, { merges: RegexTokenizer.train(TEXT, 300, pattern).pairs.merges }, SPECIAL);

export const parse = (text: string) => parseTokenizer(toBytes(text), 'it');
/** What is said of what is refused: one sentence. */
export const refused = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^\S.*[^.]\.$/s);
    return error.message;
  }
  throw new Error('nothing was refused');
};
