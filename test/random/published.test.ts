/** PyTorch's and Python's random numbers, against what they drew themselves (test/fixtures/make_random.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { MersenneTwister } from '../../core/random/mersenneTwister.ts';
import { PythonRandom } from '../../core/random/python.ts';
import { TorchGenerator } from '../../core/random/torch.ts';

const list = z.array(z.number());
const fixture = z
  .object({
    torch: z.array(
      z.object({
        seed: z.number(),
        rand: list,
        randnFew: list,
        randn: list,
        randnOdd: list,
        randint: list,
        randintLow: list,
        randperm: list,
        one: list,
        several: list,
        distinct: z.array(list),
        randnOne: list,
        last: list,
      }),
    ),
    long: list,
    python: z.array(z.object({ seed: z.number(), shuffle: list, random: list, uniform: list, randrange: list })),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/random.json', import.meta.url), 'utf8')));

const WEIGHTS = [0.1, 0.2, 0.3, 0.4];

/** PyTorch's normals come from a vectorised cosine and logarithm: equal to within a few units in the last place. */
function expectNormals(actual: Float32Array, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, x] of expected.entries()) expect(Math.abs((actual[i] as number) - x)).toBeLessThan(5e-7);
}

describe.each(fixture.torch)('PyTorch with seed $seed', (theirs) => {
  it('draws the same, one after the other', () => {
    const g = new TorchGenerator(theirs.seed);
    expect([...g.rand(3)]).toEqual(theirs.rand);
    expectNormals(g.randn(5), theirs.randnFew);
    expectNormals(g.randn(64), theirs.randn);
    expectNormals(g.randn(27), theirs.randnOdd);
    expect([...g.randint(0, 182_625, 8)]).toEqual(theirs.randint);
    expect([...g.randint(-5, 5, 8)]).toEqual(theirs.randintLow);
    expect([...g.randperm(50)]).toEqual(theirs.randperm);
    expect(Array.from({ length: 20 }, () => g.multinomial(WEIGHTS, 1, true)[0])).toEqual(theirs.one);
    expect(g.multinomial(WEIGHTS, 20, true)).toEqual(theirs.several);
    expect(Array.from({ length: 5 }, () => g.multinomial(WEIGHTS, 3))).toEqual(theirs.distinct);
    expectNormals(g.randn(1), theirs.randnOne);
    expect([...g.rand(1)]).toEqual(theirs.last);
  });
});

describe.each(fixture.python)('Python with seed $seed', (theirs) => {
  it('draws the same, one after the other', () => {
    const r = new PythonRandom(theirs.seed);
    const order = Array.from({ length: 50 }, (_, i) => i);
    r.shuffle(order);
    expect(order).toEqual(theirs.shuffle);
    expect([0, 0, 0].map(() => r.random())).toEqual(theirs.random);
    expect([0, 0, 0].map(() => r.uniform(-1, 1))).toEqual(theirs.uniform);
    expect([1, 2, 3, 1000, 2 ** 31 + 1, 2 ** 32].map((n) => r.randrange(n))).toEqual(theirs.randrange);
  });
});

describe('MT19937', () => {
  it('gives the numbers of its authors', () => {
    // mt19937ar.out: init_by_array of four words.
    const byArray = MersenneTwister.fromKey([0x123, 0x234, 0x345, 0x456]);
    expect([0, 0, 0, 0, 0].map(() => byArray.uint32())).toEqual([
      1_067_595_299, 955_945_823, 477_289_528, 4_107_218_783, 4_228_976_476,
    ]);
    // The standard's check of std::mt19937: the ten thousandth word of seed 5489.
    const ten = MersenneTwister.fromSeed(5489);
    for (let i = 1; i < 10_000; i++) ten.uint32();
    expect(ten.uint32()).toBe(4_123_659_995);
  });

  it('goes on beyond a block of 624 words', () => {
    expect([...new TorchGenerator(7).randperm(2000).subarray(-20)]).toEqual(fixture.long);
  });
});

describe('wrong arguments', () => {
  it('are refused', () => {
    const g = new TorchGenerator(1);
    expect(() => g.multinomial([0, 0], 1)).toThrow(RangeError);
    expect(() => g.multinomial([1, Number.NaN], 1)).toThrow(RangeError);
    expect(() => g.multinomial([1, 1], 3)).toThrow(RangeError);
    expect(() => g.randint(3, 3, 1)).toThrow(RangeError);
    expect(() => new TorchGenerator(0.5)).toThrow(RangeError);
    expect(() => new PythonRandom(0.5)).toThrow(RangeError);
  });
});
