// Python's `random` module, number for number, as far as the lectures use it: random.seed(n), random.random(),
// random.shuffle, random.uniform, random.randrange. After CPython's Lib/random.py and Modules/_randommodule.c, 3.2 or later.

import { MersenneTwister } from './mersenneTwister.ts';

export class PythonRandom {
  readonly #twister: MersenneTwister;

  /** random.seed(seed). @param seed a safe integer, of which the absolute value counts. @throws RangeError on another */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`the seed must be a safe integer, not ${seed}`);
    const low = Math.abs(seed) % 2 ** 32;
    const high = Math.floor(Math.abs(seed) / 2 ** 32);
    this.#twister = MersenneTwister.fromKey(high === 0 ? [low] : [low, high]);
  }

  /** In [0, 1), a multiple of 2^-53. */
  random(): number {
    const a = this.#twister.uint32() >>> 5;
    const b = this.#twister.uint32() >>> 6;
    return (a * 2 ** 26 + b) / 2 ** 53;
  }

  /** random.uniform(a, b). */
  uniform(a: number, b: number): number {
    return a + (b - a) * this.random();
  }

  /** random.randrange(n), for n from 1 to 2^32: bits are drawn until they make a number below n. */
  randrange(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`n must be from 1 to 2^32, not ${n}`);
    const bits = n === 2 ** 32 ? 33 : 32 - Math.clz32(n);
    for (;;) {
      const drawn = this.#bits(bits);
      if (drawn < n) return drawn;
    }
  }

  /** random.shuffle(items), in place. */
  shuffle<T>(items: T[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.randrange(i + 1);
      const moved = items[i] as T;
      items[i] = items[j] as T;
      items[j] = moved;
    }
  }

  /** getrandbits(k) for k up to 33: the highest bits of a word; the 33rd is the highest of a second one. */
  #bits(k: number): number {
    if (k <= 32) return this.#twister.uint32() >>> (32 - k);
    const low = this.#twister.uint32();
    return low + (this.#twister.uint32() >>> 31) * 2 ** 32;
  }
}
