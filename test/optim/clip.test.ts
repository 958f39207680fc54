/** Clipping by the global norm: the length comes down to the maximum, the direction stays, shorter ones are untouched. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import { clipGradNorm } from '../../core/optim/clip.ts';
import { reference, wasm } from '../support/backends.ts';

const gradient = fc
  .array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 50 })
  .map((values) => Float32Array.from(values));
const norm = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));

const backends: Backend[] = [wasm, reference];
test.each(backends)('$name', async (backend) => {
  await fc.assert(
    fc.asyncProperty(gradient, fc.double({ min: 0.01, max: 500, noNaN: true }), async (before, max) => {
      const mark = backend.mark();
      const grads = backend.alloc(before.length);
      backend.write(grads, before);
      const length = norm(before);
      clipGradNorm(backend, grads, length, max);
      const after = await backend.read(grads);
      backend.release(mark);
      if (length <= max) {
        expect(Array.from(after)).toEqual(Array.from(before));
        return;
      }
      // torch's factor is max / (norm + 1e-6); the rest is rounding.
      const want = (max * length) / (length + 1e-6);
      expect(Math.abs(norm(after) - want)).toBeLessThanOrEqual(1e-6 * max);
      for (const [i, x] of after.entries())
        expect(Math.abs(x - (before[i] * max) / (length + 1e-6))).toBeLessThanOrEqual(1e-6 * max);
    }),
    { numRuns: 300 },
  );
});
