/**
 * Published ranks, a token's bytes and its id, to merges. OpenAI publishes what each token is and not what it was merged from; but
 * tokens are ranked in the order in which they were learned, so that encoding a token's bytes with the tokens before it alone leaves
 * the two parts that made it (the lecture's `recover_merges`).
 */
import { UserError } from '../../errors.ts';
import type { CompleteParts } from './bytePairs.ts';
import type { Pair } from './pairs.ts';

/** Ids by bytes, which are written as a string of the characters U+0000 to U+00FF. */
export type Ranks = ReadonlyMap<string, number>;

export const bytesToKey = (bytes: Uint8Array): string => {
  let key = '';
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
};

/** @throws UserError where a byte is missing, or a token is made of no two that rank before it */
export function recoverMerges(ranks: Ranks): CompleteParts {
  const byteIds = Array.from({ length: 256 }, (_, byte) => {
    const id = ranks.get(String.fromCharCode(byte));
    if (id === undefined)
      throw new UserError(`these ranks have no token for the byte ${byte}: they are no vocabulary of byte pairs.`);
    return id;
  });
  const merges: Pair[] = [];
  const mergeIds: number[] = [];
  const ordered = [...ranks].sort(([, a], [, b]) => a - b);
  for (const [token, rank] of ordered) {
    if (token.length === 1) continue;
    const parts = partsBefore(token, rank, ranks);
    const [left, right] = parts.map((part) => ranks.get(part));
    if (parts.length !== 2 || left === undefined || right === undefined)
      throw new UserError(
        `the token ${rank} is made of no two tokens before it: these ranks are no vocabulary of byte pairs.`,
      );
    merges.push([left, right]);
    mergeIds.push(rank);
  }
  return { merges, byteIds, mergeIds };
}

/** What a token's bytes are merged to by the tokens that rank before it. */
function partsBefore(token: string, rank: number, ranks: Ranks): string[] {
  const parts = [...token];
  for (;;) {
    let least = rank;
    let at = -1;
    for (let i = 0; i + 1 < parts.length; i++) {
      const found = ranks.get(`${parts[i]}${parts[i + 1]}`);
      if (found !== undefined && found < least) [least, at] = [found, i];
    }
    if (at < 0) return parts;
    parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
  }
}
