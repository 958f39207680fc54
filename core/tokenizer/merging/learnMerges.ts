/**
 * Learns the merges of byte-pair encoding from distinct chunks and their counts, pair by pair as `learnPlainly` does and to the same
 * merges, but without counting anew: a merge changes only the pairs beside it.
 *
 * Each pair keeps its count and the places where it stands, in their order. After the step in which a pair is first made it only
 * gets rarer and its first place only moves on, so a heap whose entries are looked at again when they come up is always right. Of
 * pairs of one count the one that is met first wins: Python's `max` over a dict in the order of insertion.
 */
import type { Pair } from './pairs.ts';
import { PriorityQueue } from './priorityQueue.ts';

/** Told after each merge: how many are learned, and the count of the last. */
export type Progress = (merges: number, count: number) => void;

/**
 * @param chunks distinct ones, with how often they occur, in the order of their first occurrence
 * @param count of merges; fewer are learned where no pair is left
 */
export function learnMerges(
  chunks: Iterable<readonly [Uint8Array, number]>,
  count: number,
  progress?: Progress,
): Pair[] {
  const learner = new MergeLearner(chunks, count);
  const merges: Pair[] = [];
  while (merges.length < count) {
    const found = learner.next();
    if (found === null) break;
    merges.push(found.pair);
    progress?.(merges.length, found.count);
  }
  return merges;
}

export interface Learned {
  readonly pair: Pair;
  readonly count: number;
}

/** A pair, where it stands (its left token's place, ascending), and how often, chunks counted as often as they occur. */
interface Standing {
  readonly left: number;
  readonly right: number;
  count: number;
  places: Int32Array<ArrayBuffer>;
  length: number;
  /** Of the places, the first that may still hold: those before it are gone. */
  first: number;
}

const GONE = -1;

/** The learning itself, merge by merge, for whoever does other things in between. */
export class MergeLearner {
  /** Of each place, a byte of a chunk: the token that begins there, GONE if it lies inside one; its neighbours, -1 at a chunk's ends. */
  readonly #ids: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #weights: Float64Array;
  readonly #pairs = new Map<number, Standing>();
  readonly #queue = new PriorityQueue<Entry>(isBefore);
  /** Ids are below it. A pair's key is then small for a small vocabulary, and an engine needs no memory for a small number. */
  readonly #span: number;
  #made = 256;

  /** @param most merges that are ever made */
  constructor(chunks: Iterable<readonly [Uint8Array, number]>, most: number) {
    this.#span = 256 + most;
    const held = [...chunks];
    const size = held.reduce((n, [bytes]) => n + bytes.length, 0);
    this.#ids = new Int32Array(size);
    this.#next = new Int32Array(size).fill(-1);
    this.#previous = new Int32Array(size).fill(-1);
    this.#weights = new Float64Array(size);
    let at = 0;
    for (const [bytes, weight] of held) {
      const begin = at;
      for (const byte of bytes) {
        this.#ids[at] = byte;
        this.#weights[at] = weight;
        if (at > begin) {
          this.#previous[at] = at - 1;
          this.#next[at - 1] = at;
        }
        at++;
      }
    }
    for (let i = 0; i < size; i++) this.#stand(i);
    for (const pair of this.#pairs.values()) this.#offer(pair, this.#firstPlace(pair));
  }

  /** Makes the next merge everywhere. @returns the pair and how often it stood; null if no pair is left */
  next(): Learned | null {
    for (let entry = this.#queue.pop(); entry !== null; entry = this.#queue.pop()) {
      const { pair } = entry;
      if (pair.count <= 0) {
        this.#pairs.delete(this.#key(pair.left, pair.right));
        continue;
      }
      const place = this.#firstPlace(pair);
      if (entry.count !== pair.count || entry.place !== place) {
        this.#offer(pair, place);
        continue;
      }
      const { count } = pair;
      this.#merge(pair);
      return { pair: [pair.left, pair.right], count };
    }
    return null;
  }

  #merge(pair: Standing): void {
    const id = this.#made++;
    const fresh: Standing[] = [];
    const { left, right } = pair;
    const [ids, next, previous] = [this.#ids, this.#next, this.#previous];
    for (let i = pair.first; i < pair.length; i++) {
      const at = pair.places[i] ?? 0;
      const second = next[at] ?? -1;
      if (ids[at] !== left || second < 0 || ids[second] !== right) continue;
      const before = previous[at] ?? -1;
      const after = next[second] ?? -1;
      const weight = this.#weights[at] ?? 0;
      if (before >= 0) this.#lose(ids[before] ?? 0, left, weight);
      if (after >= 0) this.#lose(right, ids[after] ?? 0, weight);
      ids[at] = id;
      ids[second] = GONE;
      next[at] = after;
      if (after >= 0) previous[after] = at;
      if (before >= 0) this.#stand(before, fresh);
      if (after >= 0) this.#stand(at, fresh);
    }
    this.#pairs.delete(this.#key(left, right));
    for (const made of fresh) if (made.count > 0) this.#offer(made, this.#firstPlace(made));
  }

  #offer(pair: Standing, place: number): void {
    this.#queue.push({ pair, count: pair.count, place });
  }

  #key(left: number, right: number): number {
    return left * this.#span + right;
  }

  #lose(left: number, right: number, weight: number): void {
    const pair = this.#pairs.get(this.#key(left, right));
    if (pair !== undefined) pair.count -= weight;
  }

  /** The token at a place and the one after it are a pair. @param fresh takes a pair that is new */
  #stand(at: number, fresh?: Standing[]): void {
    const second = this.#next[at] ?? -1;
    if (second < 0) return;
    const [left, right] = [this.#ids[at] ?? 0, this.#ids[second] ?? 0];
    const key = this.#key(left, right);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, places: new Int32Array(2), length: 0, first: 0 };
      this.#pairs.set(key, pair);
      fresh?.push(pair);
    }
    if (pair.length === pair.places.length) {
      const more = new Int32Array(2 * pair.length);
      more.set(pair.places);
      pair.places = more;
    }
    pair.places[pair.length++] = at;
    pair.count += this.#weights[at] ?? 0;
  }

  /** Where a pair stands first. */
  #firstPlace(pair: Standing): number {
    for (; pair.first < pair.length; pair.first++) {
      const at = pair.places[pair.first] ?? 0;
      const second = this.#next[at] ?? -1;
      if (this.#ids[at] === pair.left && second >= 0 && this.#ids[second] === pair.right) return at;
    }
    return this.#ids.length;
  }
}

interface Entry {
  readonly pair: Standing;
  readonly count: number;
  readonly place: number;
}

/** The most frequent pair first; of several, the one that stands first. */
const isBefore = (a: Entry, b: Entry): boolean => a.count > b.count || (a.count === b.count && a.place < b.place);
