/** Matmul: right within f32's bound, and the bits of one fused chain per element, whatever the path through the loops. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MatmulOptions } from '../../core/backend/backend.ts';
import { fusedChain } from './fusedChain.ts';
import { compare, lengths, Numbers, seeds, shifts, wasm } from './pair.ts';

function run(options: MatmulOptions, a: Float32Array, b: Float32Array, c: Float32Array): Float32Array {
  const mark = wasm.mark();
  const [bc, ba, bb] = [wasm.alloc(c.length), wasm.alloc(a.length), wasm.alloc(b.length)];
  wasm.write(bc, c);
  wasm.write(ba, a);
  wasm.write(bb, b);
  wasm.matmul(bc, ba, bb, options);
  const result = wasm.view(bc).slice();
  wasm.release(mark);
  return result;
}

const modes = fc.record({ transA: fc.boolean(), transB: fc.boolean(), accumulate: fc.boolean() });

describe('matmul', () => {
  it('agrees with the reference, unaligned, and stays inside C', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, lengths, lengths, modes, seeds, shifts, async (m, n, k, mode, seed, shift) => {
        // Σ of k products below 4: rounding at most k · 2^-24 of k · 4, and far less in practice.
        await compare(shift, { relative: 1e-6, scale: 4 * Math.sqrt(k + 1) }, (t) => {
          const r = new Numbers(seed);
          const [a, b] = [t.input(r.floats(m * k)), t.input(r.floats(k * n))];
          t.backend.matmul(t.output('c', r.floats(m * n)), a, b, { m, n, k, ...mode });
        });
      }),
      { numRuns: 500 },
    );
  });

  it('is one fused chain per element, in the order of k', () => {
    fc.assert(
      fc.property(lengths, lengths, lengths, modes, seeds, (m, n, k, mode, seed) => {
        const r = new Numbers(seed);
        const options = { m, n, k, ...mode };
        const [a, b, c] = [r.floats(m * k), r.floats(k * n), r.floats(m * n)];
        expect(run(options, a, b, c)).toEqual(fusedChain(options, a, b, c));
      }),
    );
  });

  // Each shape takes another road: blocks of k and of n, packed and unpacked A and B, strips of every height.
  const large = [
    [7, 40, 600],
    [9, 600, 257],
    [70, 1030, 80],
    [128, 128, 512],
    [200, 31, 300],
    [1, 513, 1000],
  ] as const;
  for (const [m, n, k] of large) {
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        it(`keeps that for ${m}×${n}×${k}${transA ? ', Aᵀ' : ''}${transB ? ', Bᵀ' : ''}`, () => {
          const r = new Numbers(m + n + k);
          const [a, b, c] = [r.floats(m * k), r.floats(k * n), r.floats(m * n)];
          for (const accumulate of [false, true]) {
            const options = { m, n, k, transA, transB, accumulate };
            // Typed arrays compare element by element under toEqual, slowly: the bytes are enough.
            const [got, want] = [run(options, a, b, c), fusedChain(options, a, b, c)];
            expect(Buffer.compare(Buffer.from(got.buffer), Buffer.from(want.buffer))).toBe(0);
          }
        });
      }
    }
  }

  it('gives a subset of rows the bits that it has in the whole', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        lengths,
        lengths,
        fc.nat(),
        fc.nat(),
        seeds,
        (m, n, k, x, y, seed) => {
          const r = new Numbers(seed);
          const [from, to] = [x % m, y % m].sort((p, q) => p - q);
          const [a, b, c] = [r.floats(m * k), r.floats(k * n), r.floats(m * n)];
          const whole = run({ m, n, k }, a, b, c);
          const part = run({ m: to - from, n, k }, a.slice(from * k, to * k), b, c.slice(from * n, to * n));
          expect(part).toEqual(whole.slice(from * n, to * n));
        },
      ),
    );
  });

  it('refuses wrong lengths', () => {
    const buf = wasm.alloc(6);
    expect(() => wasm.matmul(buf, buf, buf, { m: 2, n: 3, k: 2 })).toThrow('matmul: a has 6 elements, not 4');
  });
});
