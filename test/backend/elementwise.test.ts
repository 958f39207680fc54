/** Elementwise kernels, broadcasting and sums against the reference; the accuracy of exp, log, tanh, erf and the activations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BinaryOp, UnaryOp } from '../../core/backend/backend.ts';
import { erf } from '../../core/backend/erf.ts';
import { compare, lengths, Numbers, seeds, shifts, wasm } from './pair.ts';
import { ulpOf, ulps } from './ulps.ts';

/** Where each function is compared with the reference. */
const domains: Record<UnaryOp, readonly [low: number, high: number]> = {
  neg: [-2, 2],
  exp: [-20, 20],
  log: [0.01, 50],
  tanh: [-5, 5],
  relu: [-2, 2],
  sqrt: [0.01, 50],
  square: [-2, 2],
  reciprocal: [0.1, 5],
  erf: [-5, 5],
  sigmoid: [-20, 20],
  gelu: [-5, 5],
  geluTanh: [-5, 5],
};
const unaryOps = fc.constantFrom(...(Object.keys(domains) as UnaryOp[]));
const binaryOps = fc.constantFrom<BinaryOp>('add', 'sub', 'mul', 'div');

/** A shape of rank 0 to 6, few of its elements, and for each dimension whether it is broadcast (or summed away). */
const shapes = fc.array(fc.record({ n: fc.integer({ min: 0, max: 6 }), a: fc.boolean(), b: fc.boolean() }), {
  maxLength: 6,
});
const large = fc.tuple(
  fc.record({ n: fc.integer({ min: 1, max: 300 }), a: fc.boolean(), b: fc.boolean() }),
  fc.record({ n: fc.integer({ min: 1, max: 80 }), a: fc.boolean(), b: fc.boolean() }),
);

/** Row-major strides of `shape`, 0 where broadcast, and the elements that they span; in a shuffled order if `permuted`. */
function stridesOf(shape: number[], broadcast: boolean[], permuted = false): { strides: number[]; length: number } {
  const order = shape.map((_, d) => d);
  if (permuted) order.reverse();
  const strides = shape.map(() => 0);
  let length = 1;
  for (const d of order.reverse()) {
    if (broadcast[d]) continue;
    strides[d] = length;
    length *= shape[d];
  }
  return { strides, length };
}

describe('elementwise', () => {
  it('unary and unaryBackward', async () => {
    await fc.assert(
      fc.asyncProperty(unaryOps, lengths, seeds, shifts, fc.boolean(), async (op, n, seed, shift, accumulate) => {
        // The slope of GELU multiplies several rounded factors.
        await compare(shift, { relative: 2e-6, scale: 1 }, (t) => {
          const r = new Numbers(seed);
          const x = t.input(r.floats(n, ...domains[op]));
          const y = t.output('y', r.floats(n));
          t.backend.unary(op, y, x);
          const dx = t.output('dx', r.floats(n));
          t.backend.unaryBackward(op, dx, t.input(r.floats(n)), x, y, accumulate);
          t.backend.unary(op, x, x);
          t.backend.copy(t.output('in place', r.floats(n)), x);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('fill, copy, scale', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, seeds, shifts, fc.boolean(), async (n, seed, shift, accumulate) => {
        await compare(shift, { relative: 1e-6, scale: 1 }, (t) => {
          const r = new Numbers(seed);
          const x = t.input(r.floats(n));
          t.backend.fill(t.output('fill', r.floats(n)), 0.5);
          t.backend.copy(t.output('copy', r.floats(n)), x);
          t.backend.scale(t.output('scale', r.floats(n)), x, -0.75, accumulate);
        });
      }),
    );
  });

  it('binary, broadcast in every way', async () => {
    await fc.assert(
      fc.asyncProperty(
        binaryOps,
        fc.oneof(shapes, large),
        fc.boolean(),
        seeds,
        shifts,
        fc.boolean(),
        async (op, dims, permuted, seed, shift, accumulate) => {
          const shape = dims.map(({ n }) => n);
          const flags = { a: dims.map(({ a }) => a), b: dims.map(({ b }) => b) };
          const [a, b] = [stridesOf(shape, flags.a), stridesOf(shape, flags.b, permuted)];
          const count = shape.reduce((x, y) => x * y, 1);
          await compare(shift, { relative: 1e-6, scale: 1 }, (t) => {
            const r = new Numbers(seed);
            const [va, vb] = [t.input(r.floats(a.length)), t.input(r.floats(b.length, 0.5, 2))];
            const dst = t.output('dst', r.floats(count));
            t.backend.binary(op, dst, va, vb, shape, a.strides, b.strides, accumulate);
          });
        },
      ),
      { numRuns: 600 },
    );
  });

  it('sumInto, over every choice of dimensions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(shapes, large), seeds, shifts, fc.boolean(), async (dims, seed, shift, accumulate) => {
        const shape = dims.map(({ n }) => n);
        const summed = dims.map(({ a }) => a);
        const { strides, length } = stridesOf(shape, summed);
        const count = shape.reduce((x, y) => x * y, 1);
        // n additions of random signs: the running sum grows as √n, each addition rounds it by half an ulp at most, and the
        // n roundings add up as a random walk: about n · 2⁻²⁴ of an element's deviation; 8 of those never happen by chance.
        const n = 1 + count / Math.max(1, length);
        await compare(shift, { relative: 2 ** -24, scale: 8 * n }, (t) => {
          const r = new Numbers(seed);
          const src = t.input(r.floats(count));
          t.backend.sumInto(t.output('dst', r.floats(length)), src, shape, strides, accumulate);
        });
      }),
      { numRuns: 600 },
    );
  });

  it('sums a million elements to 1e-6', async () => {
    await compare(1, { relative: 1e-6, scale: 1 }, (t) => {
      const src = t.input(new Numbers(1).floats(1_000_000, 0, 1));
      t.backend.sumInto(t.output('all', new Float32Array(1)), src, [1_000_000], [0], false);
      t.backend.sumInto(t.output('columns', new Float32Array(10)), src, [100_000, 10], [0, 1], false);
    });
  });

  it('refuses strides that leave an operand', () => {
    const buf = wasm.alloc(4);
    expect(() => wasm.binary('add', buf, buf, buf, [2, 2], [2, 1], [4, 1], false)).toThrow('leave an operand');
    expect(() => wasm.sumInto(buf.slice(0, 1), buf, [2, 2], [1, 0], false)).toThrow('leave a dst');
  });
});

describe('the accuracy of our own functions', () => {
  /**
   * The largest error of op, in ulps of the result or of x, over every `step`-th f32 between the bit patterns `from` and
   * `to`.
   */
  function worst(
    op: UnaryOp,
    exact: (x: number) => number,
    from: number,
    to: number,
    sign: 1 | -1,
    of: 'result' | 'x' = 'result',
  ): number {
    const mark = wasm.mark();
    const count = 200_000;
    const step = Math.ceil((bits(to) - bits(from)) / count);
    const patterns = Int32Array.from({ length: count }, (_, i) => bits(from) + i * step);
    const x = new Float32Array(patterns.buffer).map((v) => sign * Math.min(v, to));
    const [bx, by] = [wasm.alloc(count), wasm.alloc(count)];
    wasm.write(bx, x);
    wasm.unary(op, by, bx);
    const y = wasm.view(by).slice();
    wasm.release(mark);
    const error = (value: number, v: number) =>
      of === 'x' ? Math.abs(value - exact(v)) / ulpOf(v) : ulps(value, exact(v));
    return y.reduce((most, value, i) => Math.max(most, error(value, x[i])), 0);
  }

  function bits(x: number): number {
    return new Int32Array(new Float32Array([x]).buffer)[0];
  }

  it('exp is within 1 ulp', () => {
    expect(worst('exp', Math.exp, 1e-8, 88.72, 1)).toBeLessThanOrEqual(1);
    expect(worst('exp', Math.exp, 1e-8, 110, -1)).toBeLessThanOrEqual(1);
    expect(worst('exp', Math.exp, 1, 88.72, 1)).toBeLessThanOrEqual(1);
  });

  it('log is within 1 ulp', () => {
    expect(worst('log', Math.log, 1e-45, 3.4e38, 1)).toBeLessThanOrEqual(1);
    expect(worst('log', Math.log, 0.5, 2, 1)).toBeLessThanOrEqual(1);
  });

  it('tanh is within 2 ulp', () => {
    expect(worst('tanh', Math.tanh, 1e-38, 20, 1)).toBeLessThanOrEqual(2);
    expect(worst('tanh', Math.tanh, 0.1, 10, -1)).toBeLessThanOrEqual(2);
  });

  it('erf is within 2 ulp', () => {
    expect(worst('erf', erf, 1e-30, 5, 1)).toBeLessThanOrEqual(2);
    expect(worst('erf', erf, 0.1, 6, -1)).toBeLessThanOrEqual(2);
    expect(worst('erf', erf, 0.5, 4.5, 1)).toBeLessThanOrEqual(2);
  });

  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

  it('sigmoid is within 3 ulp, down to where its result is subnormal', () => {
    expect(worst('sigmoid', sigmoid, 1e-30, 100, 1)).toBeLessThanOrEqual(3);
    expect(worst('sigmoid', sigmoid, 1e-30, 88.72, -1)).toBeLessThanOrEqual(3);
    expect(worst('sigmoid', sigmoid, 0.5, 88.72, -1)).toBeLessThanOrEqual(3);
    expect(sigmoid(-88.72)).toBeLessThan(2 ** -126);
  });

  it('gelu is within 2 ulp above 0, within 1 ulp of x below', () => {
    const gelu = (x: number) => (x * (1 + erf(x / Math.SQRT2))) / 2;
    expect(worst('gelu', gelu, 1e-30, 100, 1)).toBeLessThanOrEqual(2);
    expect(worst('gelu', gelu, 0.1, 10, 1)).toBeLessThanOrEqual(2);
    expect(worst('gelu', gelu, 1e-30, 100, -1, 'x')).toBeLessThanOrEqual(1);
    expect(worst('gelu', gelu, 0.1, 10, -1, 'x')).toBeLessThanOrEqual(1);
  });

  it('geluTanh is within 3 ulp above 0, within 2 ulp of x below', () => {
    const geluTanh = (x: number) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
    expect(worst('geluTanh', geluTanh, 1e-30, 100, 1)).toBeLessThanOrEqual(3);
    expect(worst('geluTanh', geluTanh, 0.1, 10, 1)).toBeLessThanOrEqual(3);
    expect(worst('geluTanh', geluTanh, 1e-30, 100, -1, 'x')).toBeLessThanOrEqual(2);
    expect(worst('geluTanh', geluTanh, 0.1, 10, -1, 'x')).toBeLessThanOrEqual(2);
  });

  it('the activations are 0 or x far out, and NaN for NaN', () => {
    const x = Float32Array.of(1e4, -1e4, 0, Number.NaN);
    const [bx, by] = [wasm.alloc(4), wasm.alloc(4)];
    wasm.write(bx, x);
    for (const [op, want] of [
      ['erf', [1, -1, 0, Number.NaN]],
      ['sigmoid', [1, 0, 0.5, Number.NaN]],
      ['gelu', [1e4, 0, 0, Number.NaN]],
      ['geluTanh', [1e4, 0, 0, Number.NaN]],
    ] as const) {
      wasm.unary(op, by, bx);
      wasm.view(by).forEach((value, i) => {
        expect(value + 0, `${op} ${x[i]}`).toBe(want[i]);
      });
    }
  });

  it('treats the special values as Math does', () => {
    const x = Float32Array.of(0, -0, 1, -1, Infinity, -Infinity, NaN, 100, -200, 1e-40);
    const [bx, by] = [wasm.alloc(x.length), wasm.alloc(x.length)];
    wasm.write(bx, x);
    for (const [op, exact] of [
      ['exp', Math.exp],
      ['log', Math.log],
      ['tanh', Math.tanh],
      ['sqrt', Math.sqrt],
      ['relu', (v: number) => Math.max(v, 0)],
    ] as const) {
      wasm.unary(op, by, bx);
      const want = x.map(exact);
      wasm.view(by).forEach((value, i) => {
        if (Number.isFinite(want[i])) expect(Math.abs(value - want[i]), `${op} ${x[i]}`).toBeLessThanOrEqual(1e-5);
        else expect(value, `${op} ${x[i]}`).toBe(want[i]);
      });
    }
  });
});
