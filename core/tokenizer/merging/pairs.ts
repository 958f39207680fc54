/**
 * Byte-pair encoding in its plainest form, as the lecture writes it: count all pairs, merge the most frequent everywhere, again.
 * Quadratic. It is the reference that the fast ones (learnMerges.ts, bytePairs.ts) are tested against, and what to read first.
 *
 * Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units" (2016); on bytes, GPT-2.
 */

/** A pair of ids that are merged into a new one. */
export type Pair = readonly [left: number, right: number];

/** Ids are below it, far above any vocabulary, so that a pair is one exact number, and a rank and a place in a text are. */
export const MOST_IDS = 2 ** 22;
export const pairKey = (left: number, right: number): number => left * MOST_IDS + right;
const pairOf = (key: number): Pair => [Math.floor(key / MOST_IDS), key % MOST_IDS];

/** How often each pair of neighbours occurs, in the order in which they are met first; overlapping ones ("aaa") count each. */
function countPairs(ids: readonly number[], counts = new Map<number, number>(), weight = 1): Map<number, number> {
  for (const [i, left] of ids.entries()) {
    const right = ids[i + 1];
    if (right === undefined) break;
    const key = pairKey(left, right);
    counts.set(key, (counts.get(key) ?? 0) + weight);
  }
  return counts;
}

/** Puts `id` in the place of each pair, from left to right. */
function mergePair(ids: readonly number[], [left, right]: Pair, id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < ids.length; ) {
    if (ids[i] === left && ids[i + 1] === right) {
      merged.push(id);
      i += 2;
    } else merged.push(ids[i++] ?? 0);
  }
  return merged;
}

/** The pair that occurs most often; of several, the one met first, as Python's `max` takes it. Null if there is none. */
function mostFrequent(counts: ReadonlyMap<number, number>): Pair | null {
  let best: number | null = null;
  let most = 0;
  for (const [key, count] of counts) if (count > most) [best, most] = [key, count];
  return best === null ? null : pairOf(best);
}

/**
 * The first `count` merges of some chunks of bytes, fewer where no pair is left. The new ids are 256, 257, ...
 * @param weights how often each chunk occurs; once by default
 */
export function learnPlainly(chunks: readonly Uint8Array[], count: number, weights?: readonly number[]): Pair[] {
  let sequences = chunks.map((chunk) => [...chunk]);
  const merges: Pair[] = [];
  while (merges.length < count) {
    const counts = new Map<number, number>();
    for (const [i, sequence] of sequences.entries()) countPairs(sequence, counts, weights?.[i] ?? 1);
    const pair = mostFrequent(counts);
    if (pair === null) break;
    const id = 256 + merges.length;
    sequences = sequences.map((sequence) => mergePair(sequence, pair, id));
    merges.push(pair);
  }
  return merges;
}

/** The ids of some bytes: of the merges that apply, the earliest learned is made first, everywhere, until none applies. */
export function encodePlainly(bytes: Uint8Array, merges: readonly Pair[]): number[] {
  const ranks = new Map(merges.map(([left, right], rank) => [pairKey(left, right), rank]));
  let ids = [...bytes];
  for (;;) {
    let first = Number.POSITIVE_INFINITY;
    for (const key of countPairs(ids).keys()) first = Math.min(first, ranks.get(key) ?? Number.POSITIVE_INFINITY);
    const pair = merges[first];
    if (pair === undefined) return ids;
    ids = mergePair(ids, pair, 256 + first);
  }
}
