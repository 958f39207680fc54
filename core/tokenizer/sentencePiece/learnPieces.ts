/**
 * Learns pieces as SentencePiece does: the most frequent pair of neighbours becomes one piece everywhere, again and again. As learnMerges.ts
 * does for bytes, it keeps the places of each pair and counts nothing anew; unlike there, symbols are code points, a pair that would
 * make a piece of a forbidden shape is none, and of pairs of one count the shorter wins, then the one whose text is first by code points.
 *
 * Source: google/sentencepiece, src/bpe_model_trainer.cc, for which pair is taken.
 */

import type { Progress } from '../merging/learnMerges.ts';
import { pairKey } from '../merging/pairs.ts';
import { PriorityQueue } from '../merging/priorityQueue.ts';

/** A pair, the text of both, where it stands (its left symbol's place) and how often, words counted as often as they occur. */
interface Standing {
  readonly left: number;
  readonly right: number;
  readonly text: string;
  /** In code points. */
  readonly length: number;
  count: number;
  readonly places: number[];
}

const GONE = -1;

export interface Learning {
  /** How many pieces; fewer are learned where no pair is left. */
  readonly count: number;
  /** Whether a text of two code points or more may be a piece. */
  readonly mayBePiece: (characters: readonly string[]) => boolean;
  readonly progress?: Progress | undefined;
}

/** @param words distinct ones, as characters (null for one that is no part of any piece), with how often they occur */
export function learnPieces(words: Iterable<readonly [readonly (string | null)[], number]>, how: Learning): string[] {
  const learner = new PieceLearner(words, how.mayBePiece);
  const pieces = new Set<string>();
  while (pieces.size < how.count) {
    const best = learner.best();
    if (best === null) break;
    // Two ways to one text are one piece; the second is not merged.
    if (pieces.has(best.text)) continue;
    pieces.add(best.text);
    const { count } = best;
    learner.merge(best);
    how.progress?.(pieces.size, count);
  }
  return [...pieces];
}

class PieceLearner {
  readonly #mayBePiece: (characters: readonly string[]) => boolean;
  /** The characters of each symbol; symbol 0 stands for what is in no piece. */
  readonly #symbols: (readonly string[])[] = [[]];
  readonly #ids: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #weights: Float64Array;
  /** Pairs by their key; null if they may not be a piece. */
  readonly #pairs = new Map<number, Standing | null>();
  readonly #queue = new PriorityQueue<Entry>(isBefore);

  constructor(
    words: Iterable<readonly [readonly (string | null)[], number]>,
    mayBePiece: (characters: readonly string[]) => boolean,
  ) {
    this.#mayBePiece = mayBePiece;
    const held = [...words];
    const size = held.reduce((n, [word]) => n + word.length, 0);
    this.#ids = new Int32Array(size);
    this.#next = new Int32Array(size).fill(-1);
    this.#previous = new Int32Array(size).fill(-1);
    this.#weights = new Float64Array(size);
    const characters = new Map<string | null, number>([[null, 0]]);
    let at = 0;
    for (const [word, weight] of held) {
      const begin = at;
      for (const character of word) {
        let id = characters.get(character);
        if (id === undefined) {
          id = this.#symbols.push([character ?? '']) - 1;
          characters.set(character, id);
        }
        this.#ids[at] = id;
        this.#weights[at] = weight;
        if (at > begin) {
          this.#previous[at] = at - 1;
          this.#next[at - 1] = at;
        }
        at++;
      }
    }
    const fresh: Standing[] = [];
    for (let i = 0; i < size; i++) this.#stand(i, fresh);
    for (const pair of fresh) this.#offer(pair);
  }

  /** Takes the pair that is to become a piece out of the queue; null if there is none. After its step a pair only gets rarer. */
  best(): Standing | null {
    for (let entry = this.#queue.pop(); entry !== null; entry = this.#queue.pop()) {
      const { pair, count } = entry;
      if (pair.count <= 0) continue;
      if (count === pair.count) return pair;
      this.#offer(pair);
    }
    return null;
  }

  /** Makes a pair one symbol everywhere. */
  merge({ left, right, places }: Standing): void {
    const id = this.#symbols.push([...this.#charactersOf(left), ...this.#charactersOf(right)]) - 1;
    const fresh: Standing[] = [];
    const [ids, next, previous] = [this.#ids, this.#next, this.#previous];
    for (const at of places) {
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
    this.#pairs.delete(pairKey(left, right));
    for (const pair of fresh) this.#offer(pair);
  }

  #offer(pair: Standing): void {
    this.#queue.push({ pair, count: pair.count });
  }

  #charactersOf(symbol: number): readonly string[] {
    return this.#symbols[symbol] ?? [];
  }

  #lose(left: number, right: number, weight: number): void {
    const pair = this.#pairs.get(pairKey(left, right));
    if (pair !== undefined && pair !== null) pair.count -= weight;
  }

  /** The symbol at a place and the one after it are a pair. @param fresh takes a pair that is new */
  #stand(at: number, fresh: Standing[]): void {
    const second = this.#next[at] ?? -1;
    if (second < 0) return;
    const [left, right] = [this.#ids[at] ?? 0, this.#ids[second] ?? 0];
    if (left === 0 || right === 0) return;
    const key = pairKey(left, right);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      const characters = [...this.#charactersOf(left), ...this.#charactersOf(right)];
      pair = this.#mayBePiece(characters)
        ? { left, right, text: characters.join(''), length: characters.length, count: 0, places: [] }
        : null;
      this.#pairs.set(key, pair);
      if (pair !== null) fresh.push(pair);
    }
    if (pair === null) return;
    pair.places.push(at);
    pair.count += this.#weights[at] ?? 0;
  }
}

/** A pair with the count it had when it was put into the queue. */
interface Entry {
  readonly pair: Standing;
  readonly count: number;
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.count !== b.count) return a.count > b.count;
  if (a.pair.length !== b.pair.length) return a.pair.length < b.pair.length;
  return compareByCodePoints(a.pair.text, b.pair.text) < 0;
}

/** The order of texts' UTF-8, which JavaScript's is not where one has a pair of surrogates. */
export function compareByCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++)
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0);
  return a.length - b.length;
}
