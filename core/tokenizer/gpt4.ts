/** OpenAI's tokenizers, made from their published ranks. */

import { type Ranks, recoverMerges } from './merging/ranks.ts';
import { RegexTokenizer } from './regex.ts';
import { END_OF_TEXT } from './special.ts';
import { GPT2_PATTERN } from './splitting/gpt2Splitter.ts';
import { GPT4_PATTERN } from './splitting/gpt4Splitter.ts';

export const GPT2_SPECIAL: ReadonlyMap<string, number> = new Map([[END_OF_TEXT, 50256]]);

export const GPT4_SPECIAL: ReadonlyMap<string, number> = new Map([
  [END_OF_TEXT, 100257],
  ['<|fim_prefix|>', 100258],
  ['<|fim_middle|>', 100259],
  ['<|fim_suffix|>', 100260],
  ['<|endofprompt|>', 100276],
]);

/** GPT-4's, cl100k_base. Its ids of single bytes are permuted, and its merges are recovered. */
export class GPT4Tokenizer extends RegexTokenizer {
  /** @param ranks of cl100k_base. @throws UserError where they are none */
  constructor(ranks: Ranks) {
    super(GPT4_PATTERN, recoverMerges(ranks), GPT4_SPECIAL);
  }
}

/** GPT-2's, 50,257 tokens. */
export class GPT2Tokenizer extends RegexTokenizer {
  /** @param ranks of gpt2. @throws UserError where they are none */
  constructor(ranks: Ranks) {
    super(GPT2_PATTERN, recoverMerges(ranks), GPT2_SPECIAL);
  }
}
