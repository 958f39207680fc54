/** The kernels over flat vectors: norm, finiteness, SGD, AdamW. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, lengths, Numbers, seeds, shifts, wasm } from './pair.ts';

describe('flat vectors', () => {
  it('sumOfSquares and allFinite', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, seeds, shifts, async (n, seed, shift) => {
        await compare(shift, { relative: 1e-7, scale: 0 }, (t) => {
          const x = t.input(new Numbers(seed).floats(n));
          t.backend.sumOfSquares(t.output('sum', new Float32Array(1)), x);
          t.backend.allFinite(t.output('finite', new Float32Array(1)), x);
        });
      }),
    );
  });

  it('allFinite finds one bad element anywhere, and is not misled by large ones', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38]) {
      for (let at = 0; at < 11; at++) {
        const mark = wasm.mark();
        const [x, dst] = [wasm.alloc(11), wasm.alloc(1)];
        const data = new Float32Array(11);
        data[at] = bad;
        wasm.write(x, data);
        wasm.allFinite(dst, x);
        expect(await wasm.read(dst)).toEqual(Float32Array.of(bad === 3.4e38 ? 1 : 0));
        wasm.release(mark);
      }
    }
  });

  it('sgd', async () => {
    const options = fc.record({
      lr: fc.constantFrom(0.1, 0.003),
      momentum: fc.constantFrom(0.9, 0.5),
      weightDecay: fc.constantFrom(0, 0.01),
      nesterov: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(lengths, seeds, shifts, options, fc.boolean(), async (n, seed, shift, o, plain) => {
        await compare(shift, { relative: 1e-6, scale: 2 }, (t) => {
          const r = new Numbers(seed);
          const [p, buffer] = [t.output('params', r.floats(n)), t.output('momentum', r.floats(n))];
          for (const first of [true, false]) {
            const g = t.input(r.floats(n));
            if (plain) t.backend.sgd(p, g, null, { ...o, momentum: 0, nesterov: false, first });
            else t.backend.sgd(p, g, buffer, { ...o, first });
          }
        });
      }),
    );
  });

  it('adamw', async () => {
    const options = { lr: 3e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 };
    await fc.assert(
      fc.asyncProperty(lengths, seeds, shifts, async (n, seed, shift) => {
        await compare(shift, { relative: 1e-6, scale: 2 }, (t) => {
          const r = new Numbers(seed);
          const p = t.output('params', r.floats(n));
          const [m, v] = [t.output('expAvg', new Float32Array(n)), t.output('expAvgSq', new Float32Array(n))];
          for (const step of [1, 2, 3]) {
            const [biasCorrection1, biasCorrection2] = [1 - 0.9 ** step, 1 - 0.999 ** step];
            t.backend.adamw(p, t.input(r.floats(n)), m, v, { ...options, biasCorrection1, biasCorrection2 });
          }
        });
      }),
    );
  });
});
