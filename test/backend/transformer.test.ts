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

describe('attention', () => {
  it('agrees with the reference, forward and backward, across blocks', async () => {
    const lengths = fc.oneof(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 60, max: 140 }),
      fc.constantFrom(255, 256, 257, 320),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.integer({ min: 1, max: 2 }), lengths, lengths, fc.integer({ min: 1, max: 33 })),
        fc.boolean(),
        seeds,
        shifts,
        flags,
        flags,
        async ([batch, rows, cols, dim], causal, seed, shift, [a, b, c], [p, q, s]) => {
          await compare(shift, { relative: 1e-5, scale: 4 }, (t) => {
            const r = new Numbers(seed);
            const dense = (length: number) => ({ batch: length * dim, head: 0, row: dim });
            const layout = { q: dense(rows), k: dense(cols), out: dense(rows) };
            const options = { batch, heads: 1, rows, cols, dim, causal, scale: 0.5, layout };
            const [n, m] = [batch * rows * dim, batch * cols * dim];
            const [g, vq, vk, vv] = [n, n, m, m].map((length) => t.input(r.floats(length)));
            const [out, lse] = [t.output('out', r.floats(n)), t.output('lse', r.floats(batch * rows))];
            t.backend.attention(out, lse, vq, vk, vv, options);
            const [dq, dk, dv] = [
              t.output('dq', r.floats(n)),
              t.output('dk', r.floats(m)),
              t.output('dv', r.floats(m)),
            ];
            t.backend.attentionBackward(p ? dq : null, q ? dk : null, s ? dv : null, g, vq, vk, vv, out, lse, options, {
              dq: a,
              dk: b,
              dv: c,
            });
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('strided copies and masks', () => {
  it('agree with the reference for any rank', async () => {
    const shapes = fc.array(fc.record({ n: fc.integer({ min: 0, max: 5 }), all: fc.boolean() }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(shapes, seeds, shifts, fc.boolean(), async (dims, seed, shift, accumulate) => {
        const shape = dims.map(({ n }) => n);
        const count = shape.reduce((x, y) => x * y, 1);
        const dense = shape.map((_, d) => shape.slice(d + 1).reduce((x, y) => x * y, 1));
        const reversed = shape.map((_, d) => shape.slice(0, d).reduce((x, y) => x * y, 1));
        const masked = shape.map((_, d) =>
          dims[d].all ? 0 : dims.slice(d + 1).reduce((x, { n, all }) => x * (all ? 1 : n), 1),
        );
        const maskSize = dims.reduce((x, { n, all }) => x * (all ? 1 : n), 1);
        await compare(shift, { relative: 1e-6, scale: 1 }, (t) => {
          const r = new Numbers(seed);
          const src = t.input(r.floats(count));
          const mask = t.ints(r.ints(maskSize, 0, 2));
          t.backend.copyStrided(t.output('to', r.floats(count)), src, shape, reversed, dense, accumulate);
          t.backend.copyStrided(t.output('from', r.floats(count)), src, shape, dense, reversed, accumulate);
          t.backend.maskedFill(t.output('masked', r.floats(count)), src, mask, shape, masked, -1, accumulate);
        });
      }),
      runs,
    );
  });
});

describe('dropout', () => {
  it('drops what the reference drops', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 200 }),
        seeds,
        shifts,
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.boolean(),
        async (n, seed, shift, p, accumulate) => {
          await compare(shift, { relative: 1e-6, scale: 1 }, (t) => {
            const r = new Numbers(seed);
            const y = t.output('y', r.floats(n));
            const place = t.ints(Int32Array.of(seed, seed >> 31, -1, 9));
            t.backend.dropout(y, t.input(r.floats(n)), p, place, 256, accumulate);
          });
        },
      ),
      runs,
    );
  });
});
