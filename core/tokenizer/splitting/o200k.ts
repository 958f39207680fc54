/** GPT-4o's pattern, o200k_base: words are cut where upper case begins again, and take their contraction with them. Left to the engine. */

import { END_OF_TEXT } from '../special.ts';

/** As js-tiktoken spells it, whose engines need not know `(?i:...)`. */
const CONTRACTION = "('s|'S|'t|'T|'re|'rE|'Re|'RE|'ve|'vE|'Ve|'VE|'m|'M|'ll|'lL|'Ll|'LL|'d|'D)?";

/** Source: openai/tiktoken, tiktoken_ext/openai_public.py. */
export const O200K_PATTERN = [
  `[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+${CONTRACTION}`,
  `[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*${CONTRACTION}`,
  '\\p{N}{1,3}',
  ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
  '\\s*[\\r\\n]+',
  '\\s+(?!\\S)',
  '\\s+',
].join('|');

export const O200K_SPECIAL: ReadonlyMap<string, number> = new Map([
  [END_OF_TEXT, 199999],
  ['<|endofprompt|>', 200018],
]);
