/** Draws of one fuzz case, one after the other: a function of (seed, index), so that any case can be made again alone. */
import { Stream } from '../../core/random/streams.ts';

/** Any number: what is drawn here meets no other user of the streams. */
const SITE = 200;

export class Draws {
  readonly #stream: Stream;
  #at = 0;

  /** @param seed any safe integer @param index of the case, from 0 to 2^32 - 1 */
  constructor(seed: number, index: number) {
    this.#stream = new Stream(seed, SITE, index);
  }

  /** An integer in [0, n), n at most 2^32. */
  below(n: number): number {
    return Math.floor((this.#stream.uint32(this.#at++) / 2 ** 32) * n);
  }

  /** An integer in [lo, hi]. */
  between(lo: number, hi: number): number {
    return lo + this.below(hi - lo + 1);
  }

  /** True once in n. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** @throws Error on an empty list */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.below(list.length)];
  }

  /** An integer in [0, max], the small ones far more often: every order of magnitude is as likely as the next. */
  small(max: number): number {
    return Math.min(max, Math.floor(2 ** ((this.#stream.uint32(this.#at++) / 2 ** 32) * Math.log2(max + 2))) - 1);
  }

  bytes(n: number): Uint8Array {
    const words = this.#stream.uint32s(Math.ceil(n / 4), this.#at);
    this.#at += words.length;
    return new Uint8Array(words.buffer, words.byteOffset, n).slice();
  }

  /** Text of n UTF-16 units, 2,001 at most; now and then such as take several bytes, or a half of two. */
  text(n: number): string {
    const from = this.below(100);
    return (this.oneIn(8) ? ODD : PLAIN).slice(from, from + n);
  }
}

const PLAIN = 'abcXYZ 0189_.-thequickbrownfox'.repeat(75);
const ODD = 'aé\u0000\u2028Ω😀"\\'.repeat(250);
