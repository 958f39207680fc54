// Streams: golden first values (they are what a seed means), independence of coordinates, and distributions.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { naturalLog, normalQuantile } from '../../core/random/normal.ts';
import { philox4x32 } from '../../core/random/philox.ts';
import { Site, Stream } from '../../core/random/streams.ts';

const COUNT = 1_000_000;
const seeds = fc.maxSafeInteger();
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

const mean = (values: ArrayLike<number>, f: (x: number) => number) => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += f(values[i] ?? 0);
  return sum / values.length;
};

/** Kolmogorov's statistic sqrt(n) sup |F_n - F|; above 1.95 with probability 0.001. */
function kolmogorov(sample: Iterable<number>, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(sample).sort();
  const distance = sorted.reduce((worst, x, i) => {
    const p = cdf(x);
    return Math.max(worst, Math.abs(p - i / sorted.length), Math.abs((i + 1) / sorted.length - p));
  }, 0);
  return distance * Math.sqrt(sorted.length);
}

/** The normal distribution function by its Taylor series; good to 1e-12 for |x| < 6. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

test('golden values', () => {
  const stream = new Stream(1337, Site.init);
  expect([...stream.uint32s(6)]).toEqual([2137194552, 3881981404, 3192029440, 1027453520, 2374307665, 3623872199]);
  expect([0, 1, 2].map((i) => stream.uniform(i))).toEqual([0.4976043701171875, 0.9038441777229309, 0.743202269077301]);
  expect([0, 1, 2, 3].map((i) => stream.integerBelow(i, 1000))).toEqual([497, 743, 552, 954]);
  expect([...stream.normals(4)]).toEqual([
    -0.006004956550896168, 1.3037713766098022, 0.6532494425773621, -0.70880526304245,
  ]);
  expect([...stream.permutation(10)]).toEqual([0, 7, 1, 3, 2, 8, 6, 5, 4, 9]);
  expect([...new Stream(-1, Site.dropout, 7, 9).uint32s(2)]).toEqual([2941983957, 3589502446]);
  expect([...new Stream(Number.MAX_SAFE_INTEGER, Site.dropout).uint32s(2)]).toEqual([1520303768, 2453984844]);
});

test('the sites keep their numbers', () => {
  expect(Site).toEqual({ init: 1, batch: 2, split: 3, sample: 4, dropout: 256 });
});

test('a word is Philox of (block, step, micro-batch, site) under both halves of the seed', () => {
  fc.assert(
    fc.property(seeds, word, word, word, fc.integer({ min: 0, max: 2 ** 34 - 1 }), (seed, site, step, micro, i) => {
      const halves = [seed, Math.floor(seed / 2 ** 32)] as const;
      const block = philox4x32([Math.floor(i / 4), step, micro, site], halves);
      expect(new Stream(seed, site, step, micro).uint32(i)).toBe(block[i % 4]);
    }),
  );
});

test('indices may be asked for in any order, one at a time or in bulk', () => {
  fc.assert(
    fc.property(seeds, fc.nat(50), fc.nat(50), (seed, from, count) => {
      const words = new Stream(seed, Site.sample).uint32s(count, from);
      const stream = new Stream(seed, Site.sample);
      const backwards = Array.from(words, (_, k) => stream.uint32(from + words.length - 1 - k));
      expect([...words]).toEqual(backwards.reverse());
      expect(words.length).toBe(count);
    }),
  );
});

test('another seed, site, step or micro-batch is another stream', () => {
  const first = (...c: [number, number, number, number]) => new Stream(...c).uint32s(2).join();
  const all = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, -(2 ** 32)].flatMap((seed) =>
    [0, 1].flatMap((a) => [0, 1].flatMap((b) => [0, 1].map((c) => first(seed, a, b, c)))),
  );
  expect(new Set(all).size).toBe(all.length);
});

test('coordinates that are not in range are refused', () => {
  for (const bad of [-1, 0.5, 2 ** 32, Number.NaN]) {
    expect(() => new Stream(0, bad)).toThrow(/site must be an integer/);
    expect(() => new Stream(0, 1, bad)).toThrow(/step must be an integer/);
    expect(() => new Stream(0, 1, 0, bad)).toThrow(/microBatch must be an integer/);
  }
  expect(() => new Stream(2 ** 53, 1)).toThrow(/safe integer/);
  expect(() => new Stream(0, 1).uint32(2 ** 34)).toThrow(/block/);
  for (const n of [0, -1, 1.5, 2 ** 32]) expect(() => new Stream(0, 1).integerBelow(0, n)).toThrow(/n must be/);
});

describe('distributions, on fixed seeds', () => {
  test('uniforms', () => {
    const stream = new Stream(1, Site.sample);
    const values = Float64Array.from({ length: COUNT }, (_, i) => stream.uniform(i));
    expect(Math.abs(mean(values, (u) => u) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / COUNT));
    expect(values.every((u) => u >= 0 && u < 1 && Number.isInteger(u * 2 ** 24))).toBe(true);
    // A grid of 2^-24 puts the statistic off by sqrt(n) 2^-24 at most, far less than the bound.
    expect(kolmogorov(values, (x) => x)).toBeLessThan(1.95);
  });

  test('normals', () => {
    const values = new Stream(2, Site.init).normals(COUNT);
    const sigma = (variance: number) => 4 * Math.sqrt(variance / COUNT);
    expect(Math.abs(mean(values, (z) => z))).toBeLessThan(sigma(1));
    expect(Math.abs(mean(values, (z) => z ** 2) - 1)).toBeLessThan(sigma(2));
    expect(Math.abs(mean(values, (z) => z ** 3))).toBeLessThan(sigma(15));
    expect(Math.abs(mean(values, (z) => z ** 4) - 3)).toBeLessThan(sigma(96));
    expect(kolmogorov(values, normalCdf)).toBeLessThan(1.95);
    let lag = 0;
    for (let i = 1; i < COUNT; i++) lag += (values[i] ?? 0) * (values[i - 1] ?? 0);
    expect(Math.abs(lag / COUNT)).toBeLessThan(sigma(1));
  });

  test('integers: chi-squared over 27 values', () => {
    const stream = new Stream(3, Site.batch);
    const counts = new Float64Array(27);
    for (let i = 0; i < COUNT; i++) counts[stream.integerBelow(i, 27)] = (counts[stream.integerBelow(i, 27)] ?? 0) + 1;
    const expected = COUNT / 27;
    const chi2 = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chi2).toBeLessThan(54.1); // 26 degrees of freedom, P = 0.001
  });

  test('permutations: the 24 orders of 4 are equally frequent', () => {
    const counts = new Map<string, number>();
    for (let step = 0; step < 24_000; step++) {
      const order = new Stream(4, Site.split, step).permutation(4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chi2 = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(24);
    expect(chi2).toBeLessThan(49.8); // 23 degrees of freedom, P = 0.001
  });
});

test('integerBelow is the high part of a 64-bit word times n', () => {
  fc.assert(
    fc.property(seeds, fc.nat(1000), fc.integer({ min: 1, max: 2 ** 32 - 1 }), (seed, i, n) => {
      const stream = new Stream(seed, Site.batch);
      const wide = (BigInt(stream.uint32(2 * i)) << 32n) | BigInt(stream.uint32(2 * i + 1));
      expect(stream.integerBelow(i, n)).toBe(Number((wide * BigInt(n)) >> 64n));
    }),
  );
});

test('a permutation has every element once', () => {
  fc.assert(
    fc.property(seeds, fc.nat(300), (seed, n) => {
      const sorted = new Stream(seed, Site.split).permutation(n).toSorted();
      expect([...sorted]).toEqual(Array.from({ length: n }, (_, i) => i));
    }),
  );
});

test('the normal quantile has the values of Python 3.11 statistics.NormalDist().inv_cdf', () => {
  const cases = [
    [0.5, 0],
    [0.25, -0.6744897501960817],
    [0.001, -3.090232306167813],
    [2 ** -25, -5.419983174916869],
    [1 - 2 ** -25, 5.419983174916869],
    [1e-20, -9.262340089798405],
  ] as const;
  for (const [p, z] of cases) expect(Math.abs(normalQuantile(p) - z)).toBeLessThanOrEqual(4e-16 * Math.abs(z));
});

test('our logarithm is within 3 units in the last place of the engine`s', () => {
  fc.assert(
    fc.property(fc.double({ min: 2 ** -60, max: 8, noNaN: true }), (x) => {
      expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(3 * 2 ** -52 * Math.abs(Math.log(x)));
    }),
    { numRuns: 5000 },
  );
  expect(naturalLog(1)).toBe(0);
});
