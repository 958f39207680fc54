/** The kernels that transformers need, against the reference. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { compare, Numbers, seeds, shifts } from './pair.ts';

const widths = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 }));
const heights = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 300 }));
const flags = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
const runs = { numRuns: 200 };

describe('layer norm', () => {
  it('agrees with the reference, forward and backward', async () => {
    await fc.assert(
      fc.asyncProperty(
        heights,
        widths,
        seeds,
        shifts,
        flags,
        flags,
        fc.tuple(fc.boolean(), fc.boolean()),
        async (rows, cols, seed, shift, [a, b, c], [p, q, s], [hasWeight, hasBias]) => {
          await compare(shift, { relative: 2e-5, scale: 1 }, (t) => {
            const r = new Numbers(seed);
            const n = rows * cols;
            const [x, g] = [t.input(r.floats(n)), t.input(r.floats(n))];
            const weight = hasWeight ? t.input(r.floats(cols)) : null;
            const bias = hasBias ? t.input(r.floats(cols)) : null;
            const [mean, rstd] = [t.output('mean', r.floats(rows)), t.output('rstd', r.floats(rows))];
            t.backend.layerNorm(t.output('y', r.floats(n)), x, weight, bias, mean, rstd, cols, 0.1);
            const dx = t.output('dx', r.floats(n));
            const [dWeight, dBias] = [t.output('dWeight', r.floats(cols)), t.output('dBias', r.floats(cols))];
            t.backend.layerNormBackward(
              p ? dx : null,
              q ? dWeight : null,
              s ? dBias : null,
              g,
              x,
              weight,
              mean,
              rstd,
              cols,
              { dx: a, dWeight: b, dBias: c },
            );
          });
        },
      ),
      runs,
    );
  });
});
