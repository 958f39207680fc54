/**
 * Encodes a normalised text by merging: of all neighbours that together are a piece, those whose piece has the highest score become one
 * first, of several the leftmost, until none are left. n log n: a linked list of symbols and a heap of the merges that apply.
 *
 * Unlike byte pairs (bytePairs.ts), symbols are code points, and two of them may be merged however each came to be: what counts is that
 * their texts together are a piece. Source: google/sentencepiece, src/bpe_model.cc, for the order and what is done with unused pieces.
 */
import { Heap } from '../merging/heap.ts';
import type { IdList } from '../merging/idList.ts';
import { writeUtf8 } from '../utf8.ts';
import type { Pieces } from './pieces.ts';

/** A rank and a place are one exact number: places are below it. */
const SPAN = 2 ** 31;

export class Merger {
  readonly #pieces: Pieces;
  readonly #symbols: RegExp | null;
  readonly #bytes = new Uint8Array(4);

  /** @param symbols matches user-defined symbols; null if there are none */
  constructor(pieces: Pieces, symbols: RegExp | null) {
    this.#pieces = pieces;
    this.#symbols = symbols;
  }

  /**
   * Adds the ids of a text.
   * @param lengths if not null, takes how many UTF-16 units each id stands for; of a character's byte pieces the last has all
   */
  encode(text: string, out: IdList, lengths: number[] | null): void {
    const { ids, ranks, longest, list } = this.#pieces;
    const { starts, isFrozen, count } = this.#cut(text);
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    /** Where each symbol ends; a symbol that is gone ends where it begins. */
    const ends = Int32Array.from({ length: count }, (_, i) => starts[i + 1] ?? 0);
    /** How unused pieces came about: the length of the left part. */
    const parts = new Map<string, number>();
    const idOf = (left: number, right: number): number => {
      if (isFrozen[left] === 1 || isFrozen[right] === 1) return NONE;
      const from = starts[left] ?? 0;
      const to = ends[right] ?? 0;
      if (to - from > longest) return NONE;
      return ids.get(text.slice(from, to)) ?? NONE;
    };
    const heap = new Heap(Math.max(16, 2 * count));
    const offer = (left: number, right: number) => {
      const id = idOf(left, right);
      if (id === NONE) return;
      heap.push((ranks[id] ?? 0) * SPAN + left);
      const piece = list[id];
      if (piece?.kind === 'unused') parts.set(piece.text, (ends[left] ?? 0) - (starts[left] ?? 0));
    };
    for (let i = 0; i + 1 < count; i++) offer(i, i + 1);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const [rank, left] = [Math.floor(key / SPAN), key % SPAN];
      const right = next[left] ?? count;
      // What was offered before a neighbour was merged is out of date.
      if (starts[left] === ends[left] || right >= count) continue;
      const id = idOf(left, right);
      if (id === NONE || ranks[id] !== rank) continue;
      ends[left] = ends[right] ?? 0;
      ends[right] = starts[right] ?? 0;
      const after = next[right] ?? count;
      next[left] = after;
      if (after < count) {
        previous[after] = left;
        offer(left, after);
      }
      const before = previous[left] ?? -1;
      if (before >= 0) offer(before, left);
    }
    const writer = new Writer(this.#pieces, parts, this.#bytes, out, lengths);
    for (let i = 0; i < count; i = next[i] ?? count) writer.add(text.slice(starts[i], ends[i]));
  }

  /** The symbols to begin with: user-defined ones, which stay as they are, and code points. */
  #cut(text: string): { starts: Int32Array; isFrozen: Uint8Array; count: number } {
    const starts = new Int32Array(text.length + 1);
    const isFrozen = new Uint8Array(text.length);
    let count = 0;
    const plain = (from: number, to: number) => {
      for (let at = from; at < to; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) starts[count++] = at;
    };
    let from = 0;
    if (this.#symbols !== null)
      for (const match of text.matchAll(this.#symbols)) {
        plain(from, match.index);
        isFrozen[count] = 1;
        starts[count++] = match.index;
        from = match.index + match[0].length;
      }
    plain(from, text.length);
    starts[count] = text.length;
    return { starts, isFrozen, count };
  }
}

const NONE = -1;

/** Writes what the symbols that are left are called: a piece, bytes, or unknown, which is one however many symbols in a row are. */
class Writer {
  readonly #pieces: Pieces;
  readonly #parts: ReadonlyMap<string, number>;
  readonly #bytes: Uint8Array;
  readonly #out: IdList;
  readonly #lengths: number[] | null;
  #isAfterUnknown = false;

  constructor(
    pieces: Pieces,
    parts: ReadonlyMap<string, number>,
    bytes: Uint8Array,
    out: IdList,
    lengths: number[] | null,
  ) {
    this.#pieces = pieces;
    this.#parts = parts;
    this.#bytes = bytes;
    this.#out = out;
    this.#lengths = lengths;
  }

  add(symbol: string): void {
    const { ids, list } = this.#pieces;
    // An unused piece is taken apart to what it was merged from, again and again: a stack, since it may be long.
    const stack = [symbol];
    for (let text = stack.pop(); text !== undefined; text = stack.pop()) {
      const id = ids.get(text);
      if (id === undefined) this.#spell(text);
      else {
        const left = list[id]?.kind === 'unused' ? this.#parts.get(text) : undefined;
        if (left === undefined) this.#put(id, text.length);
        else stack.push(text.slice(left), text.slice(0, left));
      }
    }
  }

  #put(id: number, length: number): void {
    this.#out.push(id);
    this.#lengths?.push(length);
    this.#isAfterUnknown = false;
  }

  #spell(character: string): void {
    const { byteIds, unknownId } = this.#pieces;
    if (byteIds !== null) {
      const size = writeUtf8(character, 0, character.length, this.#bytes);
      for (let i = 0; i < size; i++)
        this.#put(byteIds[this.#bytes[i] ?? 0] ?? unknownId, i === size - 1 ? character.length : 0);
    } else if (!this.#isAfterUnknown) {
      this.#put(unknownId, character.length);
      this.#isAfterUnknown = true;
    } else if (this.#lengths !== null) {
      const last = this.#lengths.length - 1;
      this.#lengths[last] = (this.#lengths[last] ?? 0) + character.length;
    }
  }
}
