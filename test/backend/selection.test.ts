/** The kernels that choose: one-hot, gather, the largest, draws; and powers. Against the reference, and what they refuse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import { ReferenceBackend } from '../../core/backend/reference.ts';
import { compare, lengths, Numbers, seeds, shifts, wasm } from './pair.ts';
import { ulps } from './ulps.ts';

const widths = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 }));
const heights = fc.integer({ min: 0, max: 40 });
const runs = { numRuns: 200 };
const exact = { relative: 0, scale: 0 };
const reference = new ReferenceBackend();

/** Numbers with many ties, and now and then one that is not finite. */
function tied(r: Numbers, length: number): Float32Array {
  const special = [Number.NaN, Infinity, -Infinity, -0];
  return r.floats(length).map((v) => (r.unit() < 0.03 ? special[Math.floor(4 * r.unit())] : Math.round(2 * v)));
}

describe('selection by index', () => {
  it('agrees with the reference', async () => {
    const sizes = fc.record({
      outer: fc.integer({ min: 0, max: 5 }),
      n: fc.integer({ min: 1, max: 9 }),
      m: fc.integer({ min: 0, max: 20 }),
      inner: fc.integer({ min: 0, max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, seeds, shifts, async (s, seed, shift) => {
        await compare(shift, { relative: 1e-6, scale: 8 }, (t) => {
          const r = new Numbers(seed);
          const [whole, part] = [s.outer * s.n * s.inner, s.outer * s.m * s.inner];
          const index = t.ints(r.ints(part, 0, s.n));
          t.backend.gather(t.output('out', r.floats(part)), t.input(r.floats(whole)), index, s);
          t.backend.gather(t.intOutput('ints', part), t.ints(r.ints(whole, -9, 9)), index, s);
          t.backend.scatterAdd(t.output('dx', r.floats(whole)), t.input(r.floats(part)), index, s);
          t.backend.oneHot(t.output('hot', r.floats(part * s.n)), index, s.n);
          t.backend.countNotEqual(t.output('count', r.floats(1)), index, 1);
        });
      }),
      runs,
    );
  });

  it.each<Backend>([wasm, reference])('refuses an index out of range ($name)', (backend) => {
    const [x, ids, out] = [backend.alloc(6), backend.alloc(2), backend.alloc(6)];
    backend.fill(x, 1);
    backend.fill(out, 1);
    const [some, sizes] = [out.slice(0, 2), { outer: 1, n: 3, m: 1, inner: 2 }];
    for (const bad of [3, -1]) {
      backend.writeInts(ids, Int32Array.of(0, bad));
      const message = `id ${bad} at position 1 is not in [0, 3)`;
      expect(() => backend.gather(some, x, ids, sizes)).toThrow(`gather: ${message}`);
      expect(() => backend.scatterAdd(x, some, ids, sizes)).toThrow(`scatterAdd: ${message}`);
      expect(() => backend.oneHot(out, ids, 3)).toThrow(`oneHot: ${message}`);
    }
    expect(() => backend.gather(out, x, ids, sizes)).toThrow('the selection has 6 elements, not 2');
  });
});

describe('the largest', () => {
  it('agrees with the reference, ties and NaN included', async () => {
    await fc.assert(
      fc.asyncProperty(
        heights,
        widths,
        fc.nat(70),
        seeds,
        shifts,
        fc.boolean(),
        async (rows, cols, k, seed, shift, add) => {
          await compare(shift, { relative: 1e-6, scale: 1 }, (t) => {
            const r = new Numbers(seed);
            const x = t.input(tied(r, rows * cols));
            t.backend.topk(t.intOutput('indices', rows * (k % (cols + 1))), x, cols, k % (cols + 1));
            t.backend.topk(t.intOutput('first', rows), x, cols, 1);
            const y = t.output('y', r.floats(rows));
            t.backend.amax(y, x, cols);
            t.backend.amaxBackward(t.output('dx', r.floats(rows * cols)), t.input(r.floats(rows)), x, y, cols, add);
          });
        },
      ),
      runs,
    );
  });

  it('is ordered: NaN, then by value, the lower index first', async () => {
    const x = wasm.alloc(8);
    wasm.write(x, Float32Array.of(1, NaN, 2, -0, NaN, 2, 0, -Infinity));
    const indices = wasm.alloc(8);
    wasm.topk(indices, x, 8, 8);
    expect([...(await wasm.readInts(indices))]).toEqual([1, 4, 2, 5, 0, 3, 6, 7]);
    expect(() => wasm.topk(indices, x, 8, 9)).toThrow('topk: k = 9 is not from 0 to 8');
    expect(() => wasm.amax(x.slice(0, 0), x.slice(0, 0), 0)).toThrow('has no maximum');
  });
});

describe('multinomial', () => {
  it('draws what the reference draws', async () => {
    await fc.assert(
      fc.asyncProperty(heights, widths, lengths, seeds, shifts, async (rows, classes, samples, seed, shift) => {
        await compare(shift, exact, (t) => {
          const r = new Numbers(seed);
          // A third of the classes have probability 0, but each row has one that does not.
          const p = r.floats(rows * classes, -1, 2).map((v, i) => (i % classes === 0 ? 1 : Math.max(0, v)));
          const drawn = t.intOutput('drawn', rows * samples);
          t.backend.multinomial(drawn, t.input(p), classes, t.ints(Int32Array.of(seed, seed >> 31, -1, 7)), 4);
        });
      }),
      runs,
    );
  });

  it('draws each class as often as its probability says, never one of probability 0', async () => {
    const [n, weights] = [100_000, [0, 3, 0, 1, 6, 0]];
    const [p, drawn, place] = [wasm.alloc(6), wasm.alloc(n), wasm.alloc(4)];
    wasm.writeInts(place, Int32Array.of(1, 0, 0, 0));
    wasm.write(p, Float32Array.from(weights));
    wasm.multinomial(drawn, p, 6, place, 4);
    const counts = new Array<number>(6).fill(0);
    for (const c of await wasm.readInts(drawn)) counts[c]++;
    // Four standard deviations of a count; the seed is fixed, so this either holds or does not.
    counts.forEach((count, c) => {
      const q = weights[c] / 10;
      expect(Math.abs(count - n * q), `class ${c}`).toBeLessThanOrEqual(4 * Math.sqrt(n * q * (1 - q)));
    });
  });

  it.each<Backend>([wasm, reference])('refuses what are no probabilities ($name)', (backend) => {
    const [p, drawn, place] = [backend.alloc(6), backend.alloc(4), backend.alloc(4)];
    backend.writeInts(place, new Int32Array(4));
    for (const row of [
      [0, 0, 0],
      [1, -1e-9, 1],
      [1, NaN, 1],
      [1, Infinity, 1],
    ]) {
      backend.write(p, Float32Array.of(1, 2, 3, ...row));
      expect(() => backend.multinomial(drawn, p, 3, place, 4)).toThrow('multinomial: row 1 has a negative');
    }
  });
});

describe('pow', () => {
  const specials = [0, 1, 2, 0.5, Infinity, 1e-45, 3e38].flatMap((v) => [v, -v]).concat(NaN);
  const exponents = [3, -3, 4, -2, 0, 0.5, 1.5, -1.5, 1 / 3, 2, 1, -1, 101, -100, Infinity, -Infinity, NaN];

  /** x to the exponent as f32 has it, in both backends. */
  async function powers(x: Float32Array, exponent: number): Promise<{ got: Float32Array; want: Float64Array }> {
    const [got, want] = await Promise.all(
      [wasm, reference].map(async (backend: Backend) => {
        const mark = backend.mark();
        const y = backend.alloc(x.length);
        backend.write(y, x);
        backend.pow(y, y, Math.fround(exponent));
        const result = backend.read(y);
        backend.release(mark);
        return result;
      }),
    );
    return { got: Float32Array.from(got), want: Float64Array.from(want) };
  }

  it.each(exponents)('to the %s treats special values as C does', async (exponent) => {
    const { got, want } = await powers(Float32Array.from(specials), exponent);
    want.forEach((w, i) => {
      if (Number.isFinite(Math.fround(w))) expect(ulps(got[i], w), `${specials[i]}`).toBeLessThanOrEqual(1);
      else expect(got[i], `${specials[i]}`).toBe(Math.fround(w));
      if (w === 0) expect(Object.is(got[i], w), `the sign of ${specials[i]}`).toBe(true);
    });
  });

  it('gives 1 where C does and JavaScript does not', async () => {
    for (const exponent of [Infinity, -Infinity])
      expect([...(await powers(Float32Array.of(1, -1), exponent)).got]).toEqual([1, 1]);
    expect([...(await powers(Float32Array.of(1, NaN), NaN)).got]).toEqual([1, NaN]);
    expect([...(await powers(Float32Array.of(NaN, -2), 0)).got]).toEqual([1, 1]);
  });

  it.each([3, -3, 2.5, -0.3, 1 / 3, 17, -11, 7.25])('to the %s is within 1 ulp', async (exponent) => {
    const x = new Numbers(1).floats(50_000, exponent % 1 === 0 ? -50 : 0, 50);
    const { got, want } = await powers(x, exponent);
    const worst = want.reduce(
      (most, w, i) => (Number.isFinite(Math.fround(w)) ? Math.max(most, ulps(got[i], w)) : most),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('agrees with the reference, unaligned', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, seeds, shifts, async (n, seed, shift) => {
        await compare(shift, { relative: 1e-6, scale: 0 }, (t) => {
          const r = new Numbers(seed);
          t.backend.pow(t.output('y', r.floats(n)), t.input(r.floats(n)), 3);
        });
      }),
    );
  });
});
