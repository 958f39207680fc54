/**
 * What the tests of operations share: every operation's gradient against central differences on the f64 reference, and
 * WASM's values and gradients against the reference's, over random shapes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import { backward, mul, type Shape, sum, type Tensor, tensor, view } from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';

export interface Case {
  readonly shapes: readonly Shape[];
  /** The range that inputs are drawn from; positive for log and the like. */
  readonly range?: readonly [number, number];
  readonly run: (inputs: Tensor[], backend: Backend) => Tensor;
}

export const size = fc.integer({ min: 1, max: 9 });
export const shape = fc.array(size, { maxLength: 4 });
/** A pair of shapes that broadcast, each with some dimensions stretched or missing. */
const broadcasting = fc
  .array(fc.tuple(size, fc.constantFrom('both', 'both', 'a', 'b')), { maxLength: 4 })
  .chain((dims) =>
    fc
      .tuple(fc.integer({ min: 0, max: dims.length }), fc.integer({ min: 0, max: dims.length }))
      .map(([dropA, dropB]) => {
        const a = dims.map(([n, who]) => (who === 'b' ? 1 : n)).slice(dropB > 0 ? 0 : dropA);
        const b = dims.map(([n, who]) => (who === 'a' ? 1 : n)).slice(dropB);
        return [a, b] as const;
      }),
  );

export const unary = (f: (x: Tensor) => Tensor, range: readonly [number, number] = [-2, 2]) =>
  shape.map((s): Case => ({ shapes: [s], range, run: ([x]) => f(x as Tensor) }));
export const binary = (f: (a: Tensor, b: Tensor) => Tensor, range: readonly [number, number] = [-2, 2]) =>
  broadcasting.map((shapes): Case => ({ shapes, range, run: ([a, b]) => f(a as Tensor, b as Tensor) }));

export const dims = fc.tuple(size, size, size);

const numelOf = (s: Shape) => s.reduce((a, b) => a * b, 1);

/** Input values for a case, from fast-check's own generator. */
const values = ({ shapes, range: [low, high] = [-2, 2] }: Case) =>
  fc.tuple(
    ...shapes.map((s) =>
      fc
        .array(fc.integer({ min: 0, max: 4096 }), { minLength: numelOf(s), maxLength: numelOf(s) })
        .map((ints) => Float32Array.from(ints, (i) => low + ((high - low) * i) / 4096)),
    ),
  );

/** A scalar that weighs every element of the output differently, so that no gradient error cancels. */
function weigh(out: Tensor, backend: Backend): Tensor {
  const weights = Float64Array.from({ length: out.numel }, (_, i) => 0.5 + ((i * 37) % 11) / 11);
  return sum(mul(view(out, out.numel), tensor(backend, weights, [out.numel])));
}

export async function gradients(c: Case, data: ArrayLike<number>[], backend: Backend) {
  const mark = backend.mark();
  const inputs = data.map((d, i) => tensor(backend, d, c.shapes[i] as Shape, { requiresGrad: true }));
  const out = c.run(inputs, backend);
  const loss = weigh(out, backend);
  backward(loss);
  const result = {
    out: await out.read(),
    loss: await loss.item(),
    grads: await Promise.all(inputs.map((t) => (t.grad as Tensor).read())),
  };
  backend.release(mark);
  return result;
}

export function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string) {
  expect(actual.length, what).toBe(expected.length);
  let scale = 1;
  for (const e of Array.from(expected)) scale = Math.max(scale, Math.abs(e));
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs((actual[i] as number) - (expected[i] as number)) <= tolerance * scale))
      expect.fail(`${what}[${i}]: ${actual[i]} instead of ${expected[i]} (scale ${scale})`);
}

/** Registers the two tests of every case. */
export function checkOps(cases: Record<string, fc.Arbitrary<Case>>): void {
  describe.each(Object.entries(cases))('%s', (_, arbitrary) => {
    test('gradient agrees with central differences (f64)', async () => {
      await fc.assert(
        fc.asyncProperty(
          arbitrary.chain((c) => fc.tuple(fc.constant(c), values(c))),
          async ([c, data]) => {
            const { grads } = await gradients(c, data, reference);
            const exact = data.map((d) => Float64Array.from(d));
            for (const [i, input] of exact.entries()) {
              // A large tensor is looked at in some places, from its first to its last.
              const places = Array.from({ length: Math.min(input.length, 12) }, (_, p) =>
                Math.round((p * (input.length - 1)) / Math.max(1, Math.min(input.length, 12) - 1)),
              );
              for (const j of places) {
                const at = input[j] as number;
                const h = 1e-5;
                input[j] = at + h;
                const up = (await gradients(c, exact, reference)).loss;
                input[j] = at - h;
                const down = (await gradients(c, exact, reference)).loss;
                input[j] = at;
                close(
                  [(grads[i] as Float64Array)[j] as number],
                  [(up - down) / (2 * h)],
                  1e-5,
                  `gradient of input ${i} at ${j}`,
                );
              }
            }
          },
        ),
        { numRuns: 8 },
      );
    });

    test('WASM agrees with the reference', async () => {
      await fc.assert(
        fc.asyncProperty(
          arbitrary.chain((c) => fc.tuple(fc.constant(c), values(c))),
          async ([c, data]) => {
            const ours = await gradients(c, data, wasm);
            const truth = await gradients(c, data, reference);
            close(ours.out, truth.out, 2e-6, 'output');
            for (const [i, g] of ours.grads.entries())
              close(g, truth.grads[i] as Float64Array, 2e-5, `gradient of input ${i}`);
          },
        ),
        { numRuns: 60 },
      );
    });
  });
}
