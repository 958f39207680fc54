/**
 * The distinct chunks of texts and how often each occurs, in the order in which they are met first: all that learning needs to know of
 * a text. Counts of parts of a text, made in threads, are added up in the order of the parts to the same as those of the whole.
 */

import { writeUtf8 } from '../utf8.ts';
import type { Splitter } from './splitter.ts';

export class ChunkCounts {
  readonly #splitter: Splitter;
  /** The text of the chunks, one after the other: that of chunk i ends where that of i + 1 begins. */
  #text = new Uint16Array(2 ** 16);
  #begins = new Float64Array(2 ** 12);
  #counts = new Float64Array(2 ** 12);
  #hashes = new Int32Array(2 ** 12);
  #size = 0;
  /** Chunk numbers by hash, plus 1; 0 is empty. */
  #places = new Int32Array(2 ** 13);

  constructor(splitter: Splitter) {
    this.#splitter = splitter;
  }

  /** Distinct chunks. */
  get size(): number {
    return this.#size;
  }

  /** Counts the chunks of a text that stands by itself. */
  add(text: string): void {
    // This loop is what counting a text takes: it looks for a chunk itself, in memory that it has at hand.
    const splitter = this.#splitter;
    let [places, hashes, begins, counts, units] = [this.#places, this.#hashes, this.#begins, this.#counts, this.#text];
    let mask = places.length - 1;
    for (let from = 0; from < text.length; ) {
      const end = splitter.end(text, from);
      const length = end - from;
      let hash = BASIS;
      for (let i = from; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
      for (let place = spread(hash) & mask; ; place = (place + 1) & mask) {
        const chunk = (places[place] ?? 0) - 1;
        if (chunk < 0) {
          const at = this.#make(hash, length, 1);
          [places, hashes, begins, counts, units] = [
            this.#places,
            this.#hashes,
            this.#begins,
            this.#counts,
            this.#text,
          ];
          mask = places.length - 1;
          for (let i = 0; i < length; i++) units[at + i] = text.charCodeAt(from + i);
          break;
        }
        if (hashes[chunk] !== hash) continue;
        const at = begins[chunk] ?? 0;
        if ((begins[chunk + 1] ?? 0) - at !== length) continue;
        let i = 0;
        while (i < length && units[at + i] === text.charCodeAt(from + i)) i++;
        if (i < length) continue;
        counts[chunk] = (counts[chunk] ?? 0) + 1;
        break;
      }
      from = end;
    }
  }

  /** Adds chunks [first, end) of what was counted in later parts of the text, as `exported` there; all of them by default. */
  merge({ text, begins, counts }: ExportedCounts, first = 0, end = counts.length): void {
    for (let i = first; i < end; i++) {
      const from = begins[i] ?? 0;
      const to = begins[i + 1] ?? 0;
      const length = to - from;
      let hash = BASIS;
      for (let j = from; j < to; j++) hash = Math.imul(hash ^ (text[j] ?? 0), PRIME);
      const chunk = this.#find(hash, text, from, length);
      const count = counts[i] ?? 0;
      if (chunk >= 0) this.#counts[chunk] = (this.#counts[chunk] ?? 0) + count;
      else {
        const at = this.#make(hash, length, count);
        this.#text.set(text.subarray(from, to), at);
      }
    }
  }

  /** For a message to another thread, in memory of its own. */
  exported(): ExportedCounts {
    const n = this.#size;
    const begins = this.#begins.slice(0, n + 1);
    return { text: this.#text.slice(0, begins[n]), begins, counts: this.#counts.slice(0, n) };
  }

  /** The bytes of each chunk, and how often it occurs. */
  *entries(): Generator<[bytes: Uint8Array, count: number]> {
    for (let i = 0; i < this.#size; i++) yield [this.#bytes(i), this.#counts[i] ?? 0];
  }

  #bytes(chunk: number): Uint8Array {
    const [from, to] = [this.#begins[chunk] ?? 0, this.#end(chunk)];
    const plain = new Uint8Array(to - from);
    for (let at = from; at < to; at++) {
      const unit = this.#text[at] ?? 0;
      if (unit >= 0x80) return this.#encoded(from, to);
      plain[at - from] = unit;
    }
    return plain;
  }

  /** What is not all ASCII. */
  #encoded(from: number, to: number): Uint8Array {
    let text = '';
    for (let at = from; at < to; at += PIECE)
      text += String.fromCharCode(...this.#text.subarray(at, Math.min(to, at + PIECE)));
    const bytes = new Uint8Array(3 * text.length);
    return bytes.slice(0, writeUtf8(text, 0, text.length, bytes));
  }

  #end(chunk: number): number {
    return this.#begins[chunk + 1] ?? 0;
  }

  /** The number of the chunk of this hash whose units are [from, from + length) of some; -1 if there is none. */
  #find(hash: number, units: Uint16Array, from: number, length: number): number {
    const mask = this.#places.length - 1;
    for (let place = spread(hash) & mask; ; place = (place + 1) & mask) {
      const chunk = (this.#places[place] ?? 0) - 1;
      if (chunk < 0) return -1;
      if (this.#hashes[chunk] !== hash) continue;
      const at = this.#begins[chunk] ?? 0;
      if (this.#end(chunk) - at !== length) continue;
      let i = 0;
      while (i < length && this.#text[at + i] === units[from + i]) i++;
      if (i === length) return chunk;
    }
  }

  /** Makes room for a new chunk. @returns where its text is to be written */
  #make(hash: number, length: number, count: number): number {
    const chunk = this.#size++;
    if (chunk + 2 > this.#counts.length) {
      this.#begins = grown(this.#begins, 2 * this.#begins.length);
      this.#counts = grown(this.#counts, 2 * this.#counts.length);
      const hashes = new Int32Array(2 * this.#hashes.length);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    const at = this.#begins[chunk] ?? 0;
    if (at + length > this.#text.length) {
      const text = new Uint16Array(Math.max(2 * this.#text.length, at + length));
      text.set(this.#text);
      this.#text = text;
    }
    this.#begins[chunk + 1] = at + length;
    this.#counts[chunk] = count;
    this.#hashes[chunk] = hash;
    if (2 * this.#size > this.#places.length) {
      this.#places = new Int32Array(2 * this.#places.length);
      for (let i = 0; i < this.#size; i++) this.#enter(i);
    } else this.#enter(chunk);
    return at;
  }

  #enter(chunk: number): void {
    const mask = this.#places.length - 1;
    let place = spread(this.#hashes[chunk] ?? 0) & mask;
    while (this.#places[place] !== 0) place = (place + 1) & mask;
    this.#places[place] = chunk + 1;
  }
}

export interface ExportedCounts {
  /** The chunks' UTF-16 units, one chunk after the other. */
  readonly text: Uint16Array;
  /** Where each begins; and where the last ends. */
  readonly begins: Float64Array;
  readonly counts: Float64Array;
}

/** FNV-1a's, over UTF-16 units. */
const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** Units that are made a string at once: an engine takes only so many arguments. */
const PIECE = 8192;

const spread = (hash: number): number => hash ^ (hash >>> 15);

function grown(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(array);
  return larger;
}
