/**
 * Draws of a simulation: a sequence that follows from a seed and a name alone, so that what one part draws does not shift what
 * another does. On the streams of core/random.
 */
import { Stream } from '../core/random/streams.ts';

export class Dice {
  readonly #seed: number;
  readonly #stream: Stream;
  #drawn = 0;

  /** @param seed any safe integer @param name whose draws these are */
  constructor(seed: number, name: string) {
    this.#seed = seed;
    this.#stream = new Stream(seed, wordOf(name));
  }

  /** Draws of another name, from the same seed. */
  of(name: string): Dice {
    return new Dice(this.#seed, name);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.#stream.uniform(this.#drawn++);
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.uniform() * (to - from);
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** One of some; undefined of none. */
  oneOf<T>(some: readonly T[]): T | undefined {
    return some[this.below(some.length)];
  }

  /** One of some. @throws RangeError of none */
  pick<T>(some: readonly T[]): T {
    const found = this.oneOf(some);
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  }
}

/** A name as 32 bits: FNV-1a. */
function wordOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
