// Named streams of random numbers on top of Philox: every draw is a function of (seed, site, step, micro-batch, index)
// and of nothing else, so a draw can be repeated by whoever needs it, in any order. A Stream remembers no position.

import { normalQuantile } from './normal.ts';
import { multiplyHigh, philoxBlock } from './philox.ts';

/**
 * Who draws. Two sites never share a number, whatever the other coordinates are.
 * Values are part of what a seed means: append, never renumber. The k-th dropout layer of a model draws at
 * `Site.dropout + k`, so dropout comes last and has all numbers above it.
 */
export const Site = { init: 1, batch: 2, split: 3, sample: 4, dropout: 256 } as const;

const TWO_32 = 2 ** 32;

function checkWord(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= TWO_32) {
    throw new RangeError(`${name} must be an integer from 0 to 2^32 - 1, not ${value}`);
  }
  return value;
}

/**
 * The random numbers of one place and time in a run. Philox's key is the seed, two halves of 32 bits; its counter is
 * (block, step, micro-batch, site), so distinct coordinates give distinct blocks and a stream is 2^34 words long.
 *
 * All functions are pure: index i always gives the same number. They read the same words in different ways
 * (`integerBelow(i)` reads words 2i and 2i + 1, the others word i), so use one kind of draw in one stream.
 */
export class Stream {
  readonly #key0: number;
  readonly #key1: number;
  readonly #site: number;
  readonly #step: number;
  readonly #microBatch: number;
  readonly #block = new Uint32Array(4);
  #cached = -1; // the index of the block in #block: a cache, not a position

  /**
   * @param seed any safe integer; negative ones are their own seeds
   * @param site who draws, see Site
   * @param step, microBatch integers from 0 to 2^32 - 1; sites outside the training loop may give them another meaning
   * @throws RangeError on other values
   */
  constructor(seed: number, site: number, step = 0, microBatch = 0) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`the seed must be a safe integer, not ${seed}`);
    this.#key0 = seed >>> 0; // ToUint32 is modulo 2^32, exact for every safe integer
    this.#key1 = Math.floor(seed / TWO_32) >>> 0;
    this.#site = checkWord('site', site);
    this.#step = checkWord('step', step);
    this.#microBatch = checkWord('microBatch', microBatch);
  }

  /** What a kernel needs to compute the same words: the counter's upper words and the key, each a uint32. */
  get words(): { step: number; microBatch: number; site: number; key0: number; key1: number } {
    return { step: this.#step, microBatch: this.#microBatch, site: this.#site, key0: this.#key0, key1: this.#key1 };
  }

  /** Word i, uniform over the 2^32 values. i is an integer from 0 to 2^34 - 1. */
  uint32(i: number): number {
    const block = Math.floor(i / 4);
    if (block !== this.#cached) {
      this.#fill(this.#block, 0, block);
      this.#cached = block;
    }
    return this.#block[i % 4] ?? 0;
  }

  /** Words from, ..., from + count - 1, as `uint32` gives them, without its cost a call. */
  uint32s(count: number, from = 0): Uint32Array {
    const first = Math.floor(from / 4);
    const skipped = from - first * 4;
    const words = new Uint32Array(Math.ceil((skipped + count) / 4) * 4);
    for (let at = 0; at < words.length; at += 4) this.#fill(words, at, first + at / 4);
    return words.subarray(skipped, skipped + count);
  }

  /** Uniform in [0, 1), a multiple of 2^-24: exact in f32, and never rounded up to 1. */
  uniform(i: number): number {
    return (this.uint32(i) >>> 8) * 2 ** -24;
  }

  /** Uniforms 0, ..., count − 1, as `uniform` gives them. */
  uniforms(count: number): Float32Array<ArrayBuffer> {
    const words = this.uint32s(count);
    const uniforms = new Float32Array(count);
    for (let i = 0; i < count; i++) uniforms[i] = ((words[i] ?? 0) >>> 8) * 2 ** -24;
    return uniforms;
  }

  /**
   * The i-th integer in [0, n), for n from 1 to 2^32 - 1 and i below 2^33: the high part of a 64-bit word times n.
   * Bias: a value's probability is off from 1/n by less than 2^-64, a factor of at most 1 + n / 2^64.
   */
  integerBelow(i: number, n: number): number {
    if (!Number.isInteger(n) || n < 1 || n >= TWO_32) {
      throw new RangeError(`n must be an integer from 1 to 2^32 - 1, not ${n}`);
    }
    const high = this.uint32(2 * i);
    const low = this.uint32(2 * i + 1);
    const carry = (Math.imul(high, n) >>> 0) + multiplyHigh(low, n) >= TWO_32 ? 1 : 0;
    return multiplyHigh(high, n) + carry;
  }

  /**
   * `count` standard normal deviates, f32[count]: the inverse normal distribution function of word i, taken as the
   * middle of its 2^-32 wide cell. No two engines differ in a bit of it. The largest possible is 6.3.
   */
  normals(count: number): Float32Array<ArrayBuffer> {
    const words = this.uint32s(count);
    const normals = new Float32Array(count);
    for (let i = 0; i < count; i++) normals[i] = normalQuantile(((words[i] ?? 0) + 0.5) * 2 ** -32);
    return normals;
  }

  /** A uniformly drawn order of 0, ..., n - 1 (Fisher-Yates from the end; the draw for place i is `integerBelow(i)`). */
  permutation(n: number): Uint32Array<ArrayBuffer> {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integerBelow(i, i + 1);
      const moved = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = moved;
    }
    return order;
  }

  #fill(out: Uint32Array, at: number, block: number): void {
    philoxBlock(out, at, checkWord('block', block), this.#step, this.#microBatch, this.#site, this.#key0, this.#key1);
  }
}
