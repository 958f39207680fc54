/**
 * Merges a sequence of ids of any length: of the merges that apply, the one of the lowest rank first, of several places the leftmost. A
 * linked list of ids and a heap of the merges that apply, n log n in all: a sequence may be a whole text, or made to hurt.
 */
import { Heap } from './heap.ts';
import { NO_RANK } from './mergeTable.ts';

const GONE = -1;
/** A rank and a place are one exact number: places are below it, ranks below 2^22, as ids are (MOST_IDS). */
const SPAN = 2 ** 31;

/**
 * @param ids are written over
 * @param rankOf the rank of a pair's merge, or NO_RANK
 * @param idOf the id that the merge of a rank makes
 * @returns the ids that are left, in the memory of those given
 */
export function mergeByHeap(
  ids: Int32Array,
  rankOf: (left: number, right: number) => number,
  idOf: (rank: number) => number,
): Int32Array {
  const n = ids.length;
  const next = new Int32Array(n);
  const previous = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  const heap = new Heap(Math.max(2, 2 * n));
  const offer = (left: number, right: number) => {
    const rank = rankOf(ids[left] ?? 0, ids[right] ?? 0);
    if (rank !== NO_RANK) heap.push(rank * SPAN + left);
  };
  for (let i = 0; i + 1 < n; i++) offer(i, i + 1);
  for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
    const [rank, left] = [Math.floor(key / SPAN), key % SPAN];
    const right = next[left] ?? n;
    // What was offered before a neighbour was merged is out of date.
    if (ids[left] === GONE || right >= n || rankOf(ids[left] ?? 0, ids[right] ?? 0) !== rank) continue;
    ids[left] = idOf(rank);
    ids[right] = GONE;
    const after = next[right] ?? n;
    next[left] = after;
    if (after < n) {
      previous[after] = left;
      offer(left, after);
    }
    const before = previous[left] ?? -1;
    if (before >= 0) offer(before, left);
  }
  let count = 0;
  for (let i = 0; i < n; i = next[i] ?? n) ids[count++] = ids[i] ?? 0;
  return ids.subarray(0, count);
}
