/**
 * The ids of chunks met before. Most words of a text have occurred in it already, and to compare a few letters is faster than to
 * merge them again. What it holds is bounded: when it is full, it forgets everything.
 */
import type { IdList } from './idList.ts';

const PLACES = 2 ** 16;
const MASK = PLACES - 1;
/** Half of the places, so that looking is short. */
const MOST = PLACES / 2;
/** A longer chunk, in UTF-16 units, is not kept: it will hardly come again. */
export const LONGEST = 32;
/** What a chunk needs at most: three bytes a unit, each a token. */
const ROOM = 3 * LONGEST;
const TEXT = 2 ** 19;
const IDS = 2 ** 18;

export class ChunkCache {
  /** The ids that were found or put last are `ids[at], ..., ids[at + count - 1]`. */
  readonly ids = new Uint32Array(IDS);
  at = 0;
  count = 0;
  /** Where each chunk's text begins, its length, where its ids begin, how many; a length of 0 is an empty place. */
  readonly #entries = new Int32Array(4 * PLACES);
  readonly #text = new Uint16Array(TEXT);
  #size = 0;
  #textEnd = 0;
  #idsEnd = 0;
  #place = 0;

  /** Looks for the chunk [from, to) of a text, of at most LONGEST units. Where it is not, `put` must follow. */
  find(text: string, from: number, to: number): boolean {
    const length = to - from;
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    let place = (hash ^ (hash >>> 15)) & MASK;
    const entries = this.#entries;
    for (; ; place = (place + 1) & MASK) {
      const found = entries[4 * place + 1] ?? 0;
      if (found === 0) break;
      if (found !== length) continue;
      const at = entries[4 * place] ?? 0;
      let i = 0;
      while (i < length && this.#text[at + i] === text.charCodeAt(from + i)) i++;
      if (i < length) continue;
      this.at = entries[4 * place + 2] ?? 0;
      this.count = entries[4 * place + 3] ?? 0;
      return true;
    }
    this.#place = place;
    return false;
  }

  /** Keeps the ids of the chunk that was looked for last: those of the list from `first` on. */
  put(text: string, from: number, to: number, list: IdList, first: number): void {
    if (this.#size === MOST || this.#textEnd + LONGEST > TEXT || this.#idsEnd + ROOM > IDS) {
      this.#entries.fill(0);
      this.#size = this.#textEnd = this.#idsEnd = 0;
      // The place that was found is as empty as any other: but a chunk must be where looking for it begins.
      this.find(text, from, to);
    }
    const at = 4 * this.#place;
    this.#entries[at] = this.#textEnd;
    this.#entries[at + 1] = to - from;
    this.#entries[at + 2] = this.at = this.#idsEnd;
    this.#entries[at + 3] = this.count = list.length - first;
    for (let i = from; i < to; i++) this.#text[this.#textEnd++] = text.charCodeAt(i);
    for (let i = first; i < list.length; i++) this.ids[this.#idsEnd++] = list.at(i);
    this.#size++;
  }
}
