/** Embedding, batch norm, softmax and cross-entropy against the reference. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, lengths, Numbers, seeds, shifts, wasm } from './pair.ts';

const widths = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 }));
const heights = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 300 }));
const runs = { numRuns: 200 };

describe('embedding', () => {
  it('agrees with the reference', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, widths, widths, seeds, shifts, async (count, rows, dim, seed, shift) => {
        await compare(shift, { relative: 2e-6, scale: 1 + Math.sqrt(count) }, (t) => {
          const r = new Numbers(seed);
          const ids = t.ints(r.ints(count, 0, rows));
          t.backend.embedding(t.output('out', r.floats(count * dim)), t.input(r.floats(rows * dim)), ids, dim);
          const dWeight = t.output('dWeight', r.floats(rows * dim));
          t.backend.embeddingBackward(dWeight, t.input(r.floats(count * dim)), ids, dim);
        });
      }),
      runs,
    );
  });

  it('refuses an id without a row', () => {
    const [weight, ids, out] = [wasm.alloc(6), wasm.alloc(2), wasm.alloc(4)];
    for (const bad of [3, -1]) {
      wasm.writeInts(ids, Int32Array.of(0, bad));
      expect(() => wasm.embedding(out, weight, ids, 2)).toThrow(`id ${bad} at position 1 is not in [0, 3)`);
      expect(() => wasm.embeddingBackward(weight, out, ids, 2)).toThrow(`id ${bad} at position 1`);
    }
  });
});

describe('batch norm', () => {
  it('agrees with the reference, forward and backward', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 300 }),
        widths,
        seeds,
        shifts,
        fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
        fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
        fc.boolean(),
        async (rows, channels, seed, shift, [a, b, c], [p, q, s], unbiased) => {
          // Two rows of nearly equal value amplify rounding by 1 / deviation: eps bounds that.
          await compare(shift, { relative: 2e-5, scale: 1 }, (t) => {
            const r = new Numbers(seed);
            const n = rows * channels;
            const [x, g] = [t.input(r.floats(n)), t.input(r.floats(n))];
            const [weight, bias] = [t.input(r.floats(channels)), t.input(r.floats(channels))];
            const mean = t.output('mean', r.floats(channels));
            const variance = t.output('variance', r.floats(channels));
            t.backend.batchNorm(t.output('y', r.floats(n)), x, weight, bias, mean, variance, channels, 0.1, unbiased);
            const eval_ = t.output('eval', r.floats(n));
            t.backend.batchNormEval(eval_, x, weight, bias, mean, variance, channels, 0.1);
            const dx = t.output('dx', r.floats(n));
            const dWeight = t.output('dWeight', r.floats(channels));
            const dBias = t.output('dBias', r.floats(channels));
            t.backend.batchNormBackward(
              p ? dx : null,
              q ? dWeight : null,
              s ? dBias : null,
              g,
              x,
              weight,
              mean,
              variance,
              channels,
              0.1,
              unbiased,
              { dx: a, dWeight: b, dBias: c },
            );
          });
        },
      ),
      runs,
    );
  });
});

describe('softmax', () => {
  it('agrees with the reference, forward and backward', async () => {
    await fc.assert(
      fc.asyncProperty(
        heights,
        widths,
        seeds,
        shifts,
        fc.boolean(),
        fc.boolean(),
        async (rows, cols, seed, shift, log, accumulate) => {
          await compare(shift, { relative: 2e-6, scale: cols }, (t) => {
            const r = new Numbers(seed);
            const n = rows * cols;
            const y = t.output('y', r.floats(n));
            t.backend.softmax(y, t.input(r.floats(n, -5, 5)), cols, log);
            const dx = t.output('dx', r.floats(n));
            t.backend.softmaxBackward(dx, t.input(r.floats(n)), y, cols, log, accumulate);
          });
        },
      ),
      runs,
    );
  });

  it('neither overflows nor minds −Infinity', async () => {
    await compare(0, { relative: 1e-6, scale: 1e-3 }, (t) => {
      const x = t.input(Float32Array.of(1000, 999, -Infinity, 0, 1000));
      t.backend.softmax(t.output('y', new Float32Array(5)), x, 5, false);
      t.backend.softmax(t.output('log y', new Float32Array(5)), x, 5, true);
    });
  });
});

describe('cross-entropy', () => {
  it('agrees with the reference, forward and backward, with ignored targets', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.constant(0), heights),
        widths,
        seeds,
        shifts,
        fc.boolean(),
        async (rows, classes, seed, shift, accumulate) => {
          await compare(shift, { relative: 1e-6, scale: 4 }, (t) => {
            const r = new Numbers(seed);
            const logits = t.input(r.floats(rows * classes, -5, 5));
            // Targets of −1 are ignored, or those of class 0.
            const ignored = seed % 2 === 0 ? -1 : 0;
            const targets = t.ints(r.ints(rows, Math.min(ignored, 0), classes));
            const lse = t.output('logSumExp', r.floats(rows));
            t.backend.crossEntropy(t.output('losses', r.floats(rows)), lse, logits, targets, classes, ignored);
            const d = t.output('dLogits', r.floats(rows * classes));
            t.backend.crossEntropyBackward(
              d,
              t.input(r.floats(rows)),
              logits,
              lse,
              targets,
              classes,
              ignored,
              accumulate,
            );
            t.backend.countNotEqual(t.output('count', r.floats(1)), targets, ignored);
          });
        },
      ),
      runs,
    );
  });

  it('refuses a target without a class', () => {
    const [losses, lse, logits, targets] = [wasm.alloc(2), wasm.alloc(2), wasm.alloc(6), wasm.alloc(2)];
    wasm.fill(logits, 0);
    for (const bad of [3, -1, -100]) {
      wasm.writeInts(targets, Int32Array.of(2, bad));
      const message = `target ${bad} of row 1 is not in [0, 3), nor the one that is ignored`;
      expect(() => wasm.crossEntropy(losses, lse, logits, targets, 3, -2)).toThrow(`crossEntropy: ${message}`);
      expect(() => wasm.crossEntropyBackward(logits.slice(0, 6), losses, logits, lse, targets, 3, -2, true)).toThrow(
        message,
      );
    }
  });
});
