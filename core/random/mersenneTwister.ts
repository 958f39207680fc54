// MT19937, the generator of Matsumoto and Nishimura (ACM TOMACS 8, 1998) that PyTorch's CPU generator and Python's `random`
// are both built on. Raw 32-bit words and their two seedings: what is made of the words is in torch.ts and python.ts.
// Sequential, unlike the streams of a run (streams.ts): it is for reproducing what others have published.

const N = 624;
const M = 397;
const UPPER = 0x8000_0000;
const LOWER = 0x7fff_ffff;
const MATRIX = 0x9908_b0df;

export class MersenneTwister {
  readonly #state = new Uint32Array(N);
  #next = N;

  /** The reference's init_genrand. @param seed its lowest 32 bits count */
  static fromSeed(seed: number): MersenneTwister {
    const twister = new MersenneTwister();
    twister.#seed(seed);
    return twister;
  }

  /** The reference's init_by_array. @param key at least one word of 32 bits */
  static fromKey(key: ArrayLike<number>): MersenneTwister {
    const twister = new MersenneTwister();
    const state = twister.#state;
    twister.#seed(19_650_218);
    const at = (i: number) => state[i] as number;
    const mixed = (i: number) => at(i - 1) ^ (at(i - 1) >>> 30);
    let i = 1;
    const forward = () => {
      i++;
      if (i < N) return;
      state[0] = at(N - 1);
      i = 1;
    };
    for (let k = 0; k < Math.max(N, key.length); k++) {
      const j = k % key.length;
      state[i] = (at(i) ^ Math.imul(mixed(i), 1_664_525)) + (key[j] as number) + j;
      forward();
    }
    for (let k = 0; k < N - 1; k++) {
      state[i] = (at(i) ^ Math.imul(mixed(i), 1_566_083_941)) - i;
      forward();
    }
    state[0] = UPPER;
    return twister;
  }

  /** The next word, uniform over the 2^32 values. */
  uint32(): number {
    if (this.#next >= N) this.#twist();
    let y = this.#state[this.#next++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #seed(seed: number): void {
    const state = this.#state;
    state[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const before = state[i - 1] as number;
      state[i] = Math.imul(before ^ (before >>> 30), 1_812_433_253) + i;
    }
    this.#next = N;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = ((state[i] as number) & UPPER) | ((state[(i + 1) % N] as number) & LOWER);
      state[i] = (state[(i + M) % N] as number) ^ (y >>> 1) ^ (y & 1 ? MATRIX : 0);
    }
    this.#next = 0;
  }
}
