// PyTorch's CPU generator, draw for draw: torch.Generator().manual_seed(n) and what is drawn with it. After
// ATen/native/cpu/DistributionTemplates.h and ATen/core/DistributionsHelper.h of PyTorch 1.13, whose float32 normals are
// vectorised there: their cosines and logarithms are of another library than ours, so that a normal may differ in its last bits.

import { MersenneTwister } from './mersenneTwister.ts';

/** From so many elements on, normals are made in blocks of 16. */
const BLOCK = 16;
const HALF = 8;

export class TorchGenerator {
  readonly #twister: MersenneTwister;
  /** The second normal of a pair, kept for the next draw of one at a time. */
  #spare: number | null = null;

  /** manual_seed(seed). @param seed its lowest 32 bits count, as there. @throws RangeError where it is no safe integer */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`the seed must be a safe integer, not ${seed}`);
    this.#twister = MersenneTwister.fromSeed(seed);
  }

  /** torch.rand(n): f32[n], multiples of 2^-24 in [0, 1). */
  rand(n: number): Float32Array<ArrayBuffer> {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) out[i] = this.#uniform();
    return out;
  }

  /** torch.randn(n): f32[n], by Box and Muller (1958). */
  randn(n: number): Float32Array<ArrayBuffer> {
    const out = new Float32Array(n);
    if (n < BLOCK) {
      for (let i = 0; i < n; i++) out[i] = this.#normal();
      return out;
    }
    for (let i = 0; i < n; i++) out[i] = this.#uniform();
    for (let at = 0; at + BLOCK <= n; at += BLOCK) boxMuller(out.subarray(at, at + BLOCK));
    // The last block is drawn anew where it overlaps the one before.
    if (n % BLOCK !== 0) {
      const last = out.subarray(n - BLOCK);
      for (let i = 0; i < BLOCK; i++) last[i] = this.#uniform();
      boxMuller(last);
    }
    return out;
  }

  /** torch.randint(low, high, (n,)): high − low below 2^32. @throws RangeError on another range */
  randint(low: number, high: number, n: number): Float64Array<ArrayBuffer> {
    const range = high - low;
    if (!Number.isInteger(range) || range < 1 || range >= 2 ** 32)
      throw new RangeError(`the range from ${low} to ${high} must hold 1 to 2^32 - 1 integers`);
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) out[i] = low + (this.#twister.uint32() % range);
    return out;
  }

  /** torch.randperm(n), for n below 2^32 / 20: an order of 0, ..., n − 1. */
  randperm(n: number): Uint32Array<ArrayBuffer> {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.#twister.uint32() % (n - i));
      const moved = order[i] as number;
      order[i] = order[j] as number;
      order[j] = moved;
    }
    return order;
  }

  /**
   * torch.multinomial(p, draws, replacement). With replacement it looks uniforms up in the cumulative distribution; without,
   * it takes the largest of p / Exponential(1). (Later versions of PyTorch draw a single one in the second way whatever
   * `replacement` says: the lectures' published samples are of the first.)
   * @param p weights, not below 0, of which not all are 0. @throws RangeError where p does not allow so many draws
   */
  multinomial(p: ArrayLike<number>, draws: number, replacement = false): number[] {
    const weights = Float32Array.from(p);
    if (!weights.every((w) => w >= 0 && Number.isFinite(w)) || !weights.some((w) => w > 0))
      throw new RangeError('multinomial: the weights must be finite, not below 0, and not all 0');
    if (!replacement && draws > weights.length)
      throw new RangeError(`multinomial: ${draws} draws without replacement from ${weights.length}`);
    if (replacement) return this.#fromCumulative(weights, draws);
    const scores = weights.map((w) => w / this.#exponential());
    const order = Array.from(scores.keys()).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
    return order.slice(0, draws);
  }

  /** Passes over the draws of so many words, as `randint` and `rand` make them, one each. */
  skip(words: number): void {
    for (let i = 0; i < words; i++) this.#twister.uint32();
  }

  #fromCumulative(weights: Float32Array, draws: number): number[] {
    // float32 throughout, as there: the sum, each step of the cumulative sum, and the division.
    const cumulative = new Float32Array(weights.length);
    let sum = 0;
    for (const [i, w] of weights.entries()) {
      sum = Math.fround(sum + w);
      cumulative[i] = sum;
    }
    for (let i = 0; i < cumulative.length; i++) cumulative[i] = (cumulative[i] as number) / sum;
    cumulative[cumulative.length - 1] = 1;
    return Array.from({ length: draws }, () => {
      const u = this.#uniform64();
      return cumulative.findIndex((c) => c >= u);
    });
  }

  /** f32 in [0, 1): the lowest 24 bits of a word. */
  #uniform(): number {
    return (this.#twister.uint32() & 0xff_ffff) * 2 ** -24;
  }

  /** f64 in [0, 1): the lowest 53 bits of two words, the first of which is the higher. */
  #uniform64(): number {
    const high = this.#twister.uint32();
    const low = this.#twister.uint32();
    return ((high & 0x1f_ffff) * 2 ** 32 + low) * 2 ** -53;
  }

  /** One f64 normal, and another that is kept for the next. */
  #normal(): number {
    if (this.#spare !== null) {
      const kept = this.#spare;
      this.#spare = null;
      return kept;
    }
    const u1 = this.#uniform64();
    const u2 = this.#uniform64();
    const r = Math.sqrt(-2 * Math.log1p(-u2));
    const theta = 2 * Math.PI * u1;
    this.#spare = r * Math.sin(theta);
    return r * Math.cos(theta);
  }

  /** Exponential(1), from an f64 uniform. */
  #exponential(): number {
    return -Math.log1p(-this.#uniform64());
  }
}

/** Sixteen uniforms become sixteen normals: eight cosines, then their sines. In f32 where that is what is rounded. */
function boxMuller(block: Float32Array): void {
  for (let i = 0; i < HALF; i++) {
    const u1 = Math.fround(1 - (block[i] as number));
    const u2 = block[i + HALF] as number;
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(u1)))));
    const theta = Math.fround(Math.fround(2 * Math.PI) * u2);
    block[i] = radius * Math.fround(Math.cos(theta));
    block[i + HALF] = radius * Math.fround(Math.sin(theta));
  }
}
