/**
 * Every operation: its gradient against central differences on the f64 reference, and WASM's values and gradients against
 * the reference's, over random shapes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import {
  add,
  backward,
  batchNorm,
  crossEntropy,
  div,
  embedding,
  exp,
  intTensor,
  linear,
  log,
  logSoftmax,
  matmul,
  mean,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  type Shape,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  unsqueeze,
  view,
} from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';

interface Case {
  readonly shapes: readonly Shape[];
  /** The range that inputs are drawn from; positive for log and the like. */
  readonly range?: readonly [number, number];
  readonly run: (inputs: Tensor[], backend: Backend) => Tensor;
}

const size = fc.integer({ min: 1, max: 9 });
const shape = fc.array(size, { maxLength: 4 });
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

const unary = (f: (x: Tensor) => Tensor, range: readonly [number, number] = [-2, 2]) =>
  shape.map((s): Case => ({ shapes: [s], range, run: ([x]) => f(x as Tensor) }));
const binary = (f: (a: Tensor, b: Tensor) => Tensor, range: readonly [number, number] = [-2, 2]) =>
  broadcasting.map((shapes): Case => ({ shapes, range, run: ([a, b]) => f(a as Tensor, b as Tensor) }));

const dims = fc.tuple(size, size, size);
const cases: Record<string, fc.Arbitrary<Case>> = {
  neg: unary(neg),
  exp: unary(exp),
  log: unary(log, [0.2, 3]),
  tanh: unary(tanh),
  // Away from the kink, where a central difference would straddle it.
  relu: unary((x) => relu(add(mul(tanh(mul(x, 100)), 0.5), x))),
  sqrt: unary(sqrt, [0.2, 3]),
  square: unary(square),
  reciprocal: unary(reciprocal, [0.4, 3]),
  'pow 3': unary((x) => pow(x, 3), [0.2, 2]),
  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: binary(div, [0.5, 2]),
  'an input used twice': binary((a, b) => mul(add(a, b), a)),
  'numbers as operands': unary((x) => sub(2, div(mul(3, x), 4))),
  'sum over some dimensions': shape.chain((s) =>
    fc.tuple(fc.subarray(s.map((_, i) => i)), fc.boolean()).map(([dim, keepdim]): Case => {
      return { shapes: [s], run: ([x]) => sum(x as Tensor, { dim, keepdim }) };
    }),
  ),
  mean: unary((x) => mean(x)),
  view: dims.map(([a, b, c]): Case => ({ shapes: [[a, b, c]], run: ([x]) => view(x as Tensor, -1, c) })),
  unsqueeze: unary((x) => unsqueeze(x, 0)),
  matmul: dims.map(
    ([m, k, n]): Case => ({
      shapes: [
        [m, k],
        [k, n],
      ],
      run: ([a, b]) => matmul(a as Tensor, b as Tensor),
    }),
  ),
  linear: fc.tuple(shape, dims, fc.boolean()).map(
    ([lead, [, k, n], bias]): Case => ({
      shapes: bias
        ? [[...lead, k], [n, k], [n]]
        : [
            [...lead, k],
            [n, k],
          ],
      run: ([x, w, b]) => linear(x as Tensor, w as Tensor, b ?? null),
    }),
  ),
  embedding: fc.tuple(size, size, fc.array(fc.nat(100), { minLength: 1, maxLength: 12 })).map(
    ([rows, dim, ids]): Case => ({
      shapes: [[rows, dim]],
      run: ([w], backend) =>
        embedding(
          intTensor(
            backend,
            Int32Array.from(ids, (i) => i % rows),
            [ids.length],
          ),
          w as Tensor,
        ),
    }),
  ),
  softmax: fc.tuple(shape, size).map(([s, n]): Case => ({ shapes: [[...s, n]], run: ([x]) => softmax(x as Tensor) })),
  logSoftmax: fc
    .tuple(shape, size)
    .map(([s, n]): Case => ({ shapes: [[...s, n]], run: ([x]) => logSoftmax(x as Tensor) })),
  crossEntropy: fc
    .tuple(
      size,
      size,
      fc.array(fc.integer({ min: -1, max: 99 }), { minLength: 9, maxLength: 9 }),
      fc.constantFrom('sum', 'mean', 'none'),
    )
    .map(
      ([rows, classes, targets, reduction]): Case => ({
        shapes: [[rows, classes]],
        run: ([x], backend) => {
          const ids = Int32Array.from(targets.slice(0, rows), (t) => (t < 0 ? t : t % classes));
          return crossEntropy(x as Tensor, intTensor(backend, ids, [rows]), { reduction: reduction as 'sum' });
        },
      }),
    ),
  batchNorm: fc.tuple(fc.integer({ min: 2, max: 9 }), size, fc.boolean()).map(
    ([rows, c, cubic]): Case => ({
      shapes: [cubic ? [rows, 2, c] : [rows, c], [c], [c]],
      // A large eps, so that a channel that happens to be constant does not blow up the central differences.
      run: ([x, w, b]) => batchNorm(x as Tensor, w as Tensor, b as Tensor, 0.1).y,
    }),
  ),
};

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

async function gradients(c: Case, data: ArrayLike<number>[], backend: Backend) {
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

function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string) {
  expect(actual.length, what).toBe(expected.length);
  let scale = 1;
  for (const e of Array.from(expected)) scale = Math.max(scale, Math.abs(e));
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs((actual[i] as number) - (expected[i] as number)) <= tolerance * scale))
      expect.fail(`${what}[${i}]: ${actual[i]} instead of ${expected[i]} (scale ${scale})`);
}

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
