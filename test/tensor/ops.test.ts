/** The operations of the lectures' first models, each checked as harness.ts says. */
import fc from 'fast-check';
import {
  add,
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
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  unsqueeze,
  view,
} from '../../core/tensor/index.ts';
import { binary, type Case, checkOps, dims, shape, size, unary } from './harness.ts';

const cases: Record<string, fc.Arbitrary<Case>> = {
  neg: unary(neg),
  exp: unary(exp),
  log: unary(log, [0.2, 3]),
  tanh: unary(tanh),
  // Away from the kink, where a central difference would straddle it: inputs are multiples of 1/1024.
  relu: unary((x) => relu(add(x, 1 / 2048))),
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
          // One target is never ignored, so that the mean is a number.
          ids[0] = Math.abs(ids[0]) % classes;
          const options = { reduction: reduction as 'sum', ignoreIndex: -1 };
          return crossEntropy(x as Tensor, intTensor(backend, ids, [rows]), options);
        },
      }),
    ),
  batchNorm: fc.tuple(fc.integer({ min: 2, max: 9 }), size, fc.boolean(), fc.boolean()).map(
    ([rows, c, cubic, unbiased]): Case => ({
      shapes: [cubic ? [rows, 2, c] : [rows, c], [c], [c]],
      // A large eps, so that a channel that happens to be constant does not blow up the central differences.
      run: ([x, w, b]) => batchNorm(x as Tensor, w as Tensor, b as Tensor, 0.1, unbiased).y,
    }),
  ),
};

checkOps(cases);
