/** Tokenizers that OpenAI published, by name. Their ranks come with the npm package js-tiktoken, so none is downloaded. */
import { UserError } from '../errors.ts';
import { GPT2Tokenizer, GPT4Tokenizer } from './gpt4.ts';
import { type Ranks, recoverMerges } from './merging/ranks.ts';
import { RegexTokenizer } from './regex.ts';
import { splitterOf } from './splitting/patterns.ts';

interface Packed {
  readonly pat_str: string;
  readonly special_tokens: Readonly<Record<string, number>>;
  readonly bpe_ranks: string;
}

const packed: ReadonlyMap<string, () => Promise<{ readonly default: Packed }>> = new Map([
  ['gpt2', () => import('js-tiktoken/ranks/gpt2')],
  ['r50k_base', () => import('js-tiktoken/ranks/r50k_base')],
  ['p50k_base', () => import('js-tiktoken/ranks/p50k_base')],
  ['cl100k_base', () => import('js-tiktoken/ranks/cl100k_base')],
  ['o200k_base', () => import('js-tiktoken/ranks/o200k_base')],
]);

export const PUBLISHED = [...packed.keys()];

/** A line is a mark, the rank of its first token, and tokens in base64: their ranks follow each other. */
function unpackRanks(text: string): Ranks {
  const ranks = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, first, ...tokens] = line.split(' ');
    for (const [i, token] of tokens.entries()) ranks.set(atob(token), Number(first) + i);
  }
  return ranks;
}

/** @throws UserError where none has that name */
export async function publishedTokenizer(name: string): Promise<RegexTokenizer> {
  const load = packed.get(name);
  if (load === undefined)
    throw new UserError(`no published tokenizer is called ${JSON.stringify(name)}: there are ${PUBLISHED.join(', ')}.`);
  const { pat_str, special_tokens, bpe_ranks } = (await load()).default;
  const ranks = unpackRanks(bpe_ranks);
  if (name === 'gpt2') return new GPT2Tokenizer(ranks);
  if (name === 'cl100k_base') return new GPT4Tokenizer(ranks);
  // In the spelling known here where there is one, so that it is the same tokenizer as from its file.
  const { pattern } = splitterOf(pat_str);
  return new RegexTokenizer(pattern, recoverMerges(ranks), new Map(Object.entries(special_tokens)));
}
