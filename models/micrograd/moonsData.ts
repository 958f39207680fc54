/**
 * Two moons: points on two half circles that reach into each other, with noise. They are those of micrograd's repository,
 * which has them from scikit-learn's `make_moons` after `np.random.seed(1337)`; so NumPy's draws are repeated here.
 * Trains nothing, and is no general NumPy.
 */
import { MersenneTwister } from '../../core/random/mersenneTwister.ts';
import { naturalLog } from '../../core/random/normal.ts';

export interface Example {
  readonly x: readonly [number, number];
  /** 1 or −1: which moon. */
  readonly y: number;
}

/** `count` points, half of them on each moon (the inner one has the odd one), in a shuffled order. */
export function makeMoons(count = 100, noise = 0.1, seed = 1337): Example[] {
  const twister = MersenneTwister.fromSeed(seed);
  const outer = Math.floor(count / 2);
  const inner = count - outer;
  const points: Example[] = Array.from({ length: count }, (_, i) => {
    if (i < outer) {
      const angle = (Math.PI * i) / Math.max(1, outer - 1);
      return { x: [Math.cos(angle), Math.sin(angle)], y: -1 };
    }
    const angle = (Math.PI * (i - outer)) / Math.max(1, inner - 1);
    return { x: [1 - Math.cos(angle), 0.5 - Math.sin(angle)], y: 1 };
  });
  shuffle(points, twister);
  const normal = normals(twister);
  // The order of the draws is x0, x1 of one point after the other.
  return points.map(({ x: [a, b], y }) => ({ x: [a + noise * normal(), b + noise * normal()], y }));
}

/** RandomState.shuffle: from the end; a draw is cut to as many bits as the place has, and made again if it is above it. */
function shuffle<T>(items: T[], twister: MersenneTwister): void {
  for (let i = items.length - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j = twister.uint32() & mask;
    while (j > i) j = twister.uint32() & mask;
    const moved = items[i] as T;
    items[i] = items[j] as T;
    items[j] = moved;
  }
}

/** RandomState.normal: Marsaglia's polar method, two at a time, the second of which is given first. */
function normals(twister: MersenneTwister): () => number {
  const uniform = () => ((twister.uint32() >>> 5) * 2 ** 26 + (twister.uint32() >>> 6)) / 2 ** 53;
  let kept: number | undefined;
  return () => {
    if (kept !== undefined) {
      const normal = kept;
      kept = undefined;
      return normal;
    }
    for (;;) {
      const a = 2 * uniform() - 1;
      const b = 2 * uniform() - 1;
      const r = a * a + b * b;
      if (r >= 1 || r === 0) continue;
      const scale = Math.sqrt((-2 * naturalLog(r)) / r);
      kept = scale * a;
      return scale * b;
    }
  };
}
