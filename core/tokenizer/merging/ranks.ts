/**
 * Published ranks, a token's bytes and its id, to merges. OpenAI publishes what each token is and not what it was merged from; but
 * tokens are ranked in the order in which they were learned, so that encoding a token's bytes with the tokens before it alone leaves
 * the two parts that made it (the lecture's `recover_merges`).
 */
import { UserError } from '../../errors.ts';
import type { CompleteParts } from './bytePairs.ts';
import { mergeByHeap } from './mergeByHeap.ts';
import { NO_RANK } from './mergeTable.ts';
import { MOST_IDS, type Pair, pairKey } from './pairs.ts';

/** Ids by bytes, which are written as a string of the characters U+0000 to U+00FF. */
export type Ranks = ReadonlyMap<string, number>;

export const bytesToKey = (bytes: Uint8Array): string => {
  let key = '';
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
};

/** @throws UserError where a byte is missing, an id is too large, or a token is made of no two that rank before it */
export function recoverMerges(ranks: Ranks): CompleteParts {
  const byteIds = Array.from({ length: 256 }, (_, byte) => {
    const id = ranks.get(String.fromCharCode(byte));
    if (id === undefined)
      throw new UserError(`these ranks have no token for the byte ${byte}: they are no vocabulary of byte pairs.`);
    return id;
  });
  const merges: Pair[] = [];
  const mergeIds: number[] = [];
  /** What the merges found so far make of pairs: an id is its rank. */
  const made = new Map<number, number>();
  const rankOf = (left: number, right: number) => made.get(pairKey(left, right)) ?? NO_RANK;
  const ordered = [...ranks].sort(([, a], [, b]) => a - b);
  const last = ordered.at(-1)?.[1] ?? 0;
  if (last >= MOST_IDS)
    throw new UserError(`the rank ${last} is above ${MOST_IDS - 1}: these ranks are no vocabulary of byte pairs.`);
  for (const [token, rank] of ordered) {
    if (token.length === 1) continue;
    const bytes = new Int32Array(token.length);
    for (let i = 0; i < token.length; i++) bytes[i] = byteIds[token.charCodeAt(i)] ?? 0;
    const parts = mergeByHeap(bytes, rankOf, (id) => id);
    const [left, right] = [parts[0], parts[1]];
    if (left === undefined || right === undefined || parts.length > 2)
      throw new UserError(
        `the token ${rank} is made of no two tokens before it: these ranks are no vocabulary of byte pairs.`,
      );
    made.set(pairKey(left, right), rank);
    merges.push([left, right]);
    mergeIds.push(rank);
  }
  return { merges, byteIds, mergeIds };
}
