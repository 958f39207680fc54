/** What the byte-pair tokenizers have in common: special tokens, chunks, pairs of bytes. They differ in how a text is cut. */

import { UserError } from '../errors.ts';
import type { BytePairs } from './merging/bytePairs.ts';
import { ChunkCache, LONGEST } from './merging/chunkCache.ts';
import { IdList } from './merging/idList.ts';
import { SpecialTokens } from './special.ts';
import { safeCut } from './splitting/patterns.ts';
import type { Splitter } from './splitting/splitter.ts';
import type { AllowedSpecial, Tokenizer } from './tokenizer.ts';
import { concatenate, toBytes, toText, writeUtf8 } from './utf8.ts';

export class ChunkedTokenizer implements Tokenizer {
  readonly pairs: BytePairs;
  readonly vocabSize: number;
  /** Null where a text is one chunk. */
  readonly splitter: Splitter | null;
  readonly #special: SpecialTokens;
  readonly #cache = new ChunkCache();
  readonly #scratch = new IdList();
  #bytes = new Uint8Array(1024);

  /** @param special texts and their ids, which no merge makes. @throws UserError where they do not fit each other */
  constructor(pairs: BytePairs, splitter: Splitter | null, special: ReadonlyMap<string, number>) {
    this.pairs = pairs;
    this.splitter = splitter;
    this.#special = new SpecialTokens(special);
    for (const [text, id] of special) {
      const bytes = pairs.bytesOf(id);
      if (bytes !== undefined && toText(bytes) !== text)
        throw new UserError(
          `the special token ${JSON.stringify(text)} has the id ${id}, which is that of another token: give it an id of its own.`,
        );
    }
    this.vocabSize = [...special.values()].reduce((size, id) => Math.max(size, id + 1), pairs.size);
  }

  get special(): ReadonlyMap<string, number> {
    return this.#special.ids;
  }

  encode(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): Uint32Array<ArrayBuffer> {
    const all = new IdList();
    this.#eachIds(text, allowedSpecial, (ids, at, count) => all.append(ids, at, count));
    return all.take();
  }

  count(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): number {
    let all = 0;
    this.#eachIds(text, allowedSpecial, (_ids, _at, count) => {
      all += count;
    });
    return all;
  }

  bytesOf(id: number): Uint8Array {
    const bytes = this.pairs.bytesOf(id);
    if (bytes !== undefined) return bytes;
    const text = this.#special.textOf(id);
    if (text === undefined) throw new RangeError(`${id} is no token of this vocabulary of ${this.vocabSize}`);
    return toBytes(text);
  }

  decodeBytes(ids: Iterable<number>): Uint8Array<ArrayBuffer> {
    return concatenate(Array.from(ids, (id) => this.bytesOf(id)));
  }

  decode(ids: Iterable<number>): string {
    return toText(this.decodeBytes(ids));
  }

  safeEnd(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): number {
    const { from, to } = this.#special.settled(text, allowedSpecial);
    return from + (this.splitter === null ? 0 : safeCut(this.splitter, text.slice(from, to)));
  }

  /** The ids of a text, some at a time: ids[at], ..., ids[at + count - 1], until the next are told. */
  #eachIds(
    text: string,
    allowedSpecial: AllowedSpecial,
    told: (ids: Uint32Array, at: number, count: number) => void,
  ): void {
    const cache = this.#cache;
    const one = new Uint32Array(1);
    this.#special.cut(
      text,
      allowedSpecial,
      (from, to) =>
        this.#eachChunk(text, from, to, (at, end) => {
          if (end - at > LONGEST) {
            const merged = new IdList();
            this.#merge(text, at, end, merged);
            told(merged.take(), 0, merged.length);
          } else {
            if (!cache.find(text, at, end)) this.#keep(text, at, end);
            told(cache.ids, cache.at, cache.count);
          }
        }),
      (id) => {
        one[0] = id;
        told(one, 0, 1);
      },
    );
  }

  /** The chunks of the ordinary text [from, to). */
  #eachChunk(text: string, from: number, to: number, chunk: (from: number, to: number) => void): void {
    const { splitter } = this;
    if (splitter === null) {
      chunk(from, to);
      return;
    }
    // A pattern may look at what follows, and a special token is none of it.
    if (to < text.length || from > 0) {
      this.#eachChunk(text.slice(from, to), 0, to - from, (a, b) => chunk(from + a, from + b));
      return;
    }
    for (let at = 0; at < to; ) {
      const end = splitter.end(text, at);
      chunk(at, end);
      at = end;
    }
  }

  #keep(text: string, from: number, to: number): void {
    this.#scratch.truncate(0);
    this.#merge(text, from, to, this.#scratch);
    this.#cache.put(text, from, to, this.#scratch, 0);
  }

  #merge(text: string, from: number, to: number, out: IdList): void {
    const room = 3 * (to - from);
    if (this.#bytes.length < room) this.#bytes = new Uint8Array(room);
    const length = writeUtf8(text, from, to, this.#bytes);
    this.pairs.encode(this.#bytes, 0, length, out);
    if (this.#bytes.length > MOST_KEPT) this.#bytes = new Uint8Array(1024);
  }
}

/** Larger memory is not held on to after one huge chunk. */
const MOST_KEPT = 2 ** 20;
