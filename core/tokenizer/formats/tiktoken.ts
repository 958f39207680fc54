/**
 * tiktoken's rank files, such as `cl100k_base.tiktoken`: a line a token, its bytes in base64 and its id, which is also its rank. They
 * hold neither pattern nor special tokens: whoever reads one gives them. Of OpenAI's own files, known by their SHA-256, both are
 * known here.
 *
 * Source: openai/tiktoken, tiktoken/load.py; the hashes, patterns and special tokens, tiktoken_ext/openai_public.py.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { UserError } from '../../errors.ts';
import { GPT2_SPECIAL, GPT4_SPECIAL } from '../gpt4.ts';
import type { BytePairs } from '../merging/bytePairs.ts';
import { bytesToKey, type Ranks, recoverMerges } from '../merging/ranks.ts';
import { RegexTokenizer } from '../regex.ts';
import { GPT2_PATTERN } from '../splitting/gpt2Splitter.ts';
import { GPT4_PATTERN } from '../splitting/gpt4Splitter.ts';
import { O200K_PATTERN, O200K_SPECIAL } from '../splitting/o200k.ts';
import { toBytes } from '../utf8.ts';

/** What a rank file does not hold. */
export interface Cut {
  readonly pattern: string;
  readonly special: ReadonlyMap<string, number>;
}

const published: ReadonlyMap<string, Cut> = new Map([
  [
    '306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930',
    { pattern: GPT2_PATTERN, special: GPT2_SPECIAL },
  ],
  [
    '94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069',
    { pattern: GPT2_PATTERN, special: GPT2_SPECIAL },
  ],
  [
    '223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7',
    { pattern: GPT4_PATTERN, special: GPT4_SPECIAL },
  ],
  [
    '446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d',
    { pattern: O200K_PATTERN, special: O200K_SPECIAL },
  ],
]);

/** Of a file that is not OpenAI's, and of whose pattern nothing is said. */
const DEFAULT: Cut = { pattern: GPT4_PATTERN, special: new Map() };

const LINE = /^((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?) (\d{1,9})$/;

export const isTiktoken = (text: string): boolean => LINE.test(/^[^\r\n]*/.exec(text)?.[0] ?? '');

/**
 * @param from what to call the file
 * @param cut the pattern and special tokens; by default those of OpenAI's file that this is, and for any other GPT-4's pattern and no
 * special tokens
 * @throws UserError where it is damaged
 */
export function readTiktoken(text: string, from: string, cut: Partial<Cut> = {}): RegexTokenizer {
  const ranks = new Map<string, number>();
  const lines = new Map<number, number>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line === '') continue;
    const [, token, rank] = LINE.exec(line) ?? [];
    if (token === undefined || token === '')
      throw new UserError(`${from} is damaged: line ${i + 1} should be a token in base64, a blank, and its rank.`);
    const [bytes, id] = [atob(token), Number(rank)];
    if (ranks.has(bytes) || lines.has(id))
      throw new UserError(`${from} is damaged: line ${i + 1} has a token or a rank that an earlier line has.`);
    ranks.set(bytes, id);
    lines.set(id, i);
  }
  const { pattern, special } = published.get(bytesToHex(sha256(toBytes(toText(ranks))))) ?? DEFAULT;
  return new RegexTokenizer(cut.pattern ?? pattern, recoverMerges(ranks), cut.special ?? special);
}

/** Pattern and special tokens are not in it. @throws UserError for merges that cannot be told from the ids of their tokens */
export function writeTiktoken({ pairs }: { readonly pairs: BytePairs }): string {
  const ids = [...pairs.byteIds, ...pairs.mergeIds];
  const ranks = new Map(ids.map((id) => [bytesToKey(pairs.bytesOf(id) ?? new Uint8Array(0)), id]));
  if (ranks.size < ids.length || !isRecovered(ranks, pairs))
    throw new UserError(
      'a rank file holds merges in the order of the ids that they make, and this tokenizer has another: write a Hugging Face tokenizer.json instead.',
    );
  return toText(ranks);
}

const toText = (ranks: Ranks): string =>
  [...ranks]
    .toSorted(([, a], [, b]) => a - b)
    .map(([bytes, id]) => `${btoa(bytes)} ${id}\n`)
    .join('');

/** Whether reading will find the same merges. */
function isRecovered(ranks: Ranks, pairs: BytePairs): boolean {
  try {
    const { merges, mergeIds } = recoverMerges(ranks);
    return merges.every(([left, right], rank) => {
      const [first, second] = pairs.merges[rank] ?? [];
      return first === left && second === right && pairs.mergeIds[rank] === mergeIds[rank];
    });
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
