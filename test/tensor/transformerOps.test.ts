/** The operations that transformers need, each checked as harness.ts says. */
import fc from 'fast-check';
import {
  cat,
  dropout,
  erf,
  gelu,
  intTensor,
  layerNorm,
  maskedFill,
  matmul,
  mul,
  narrow,
  permute,
  scaledDotProductAttention,
  sigmoid,
  slice,
  split,
  type Tensor,
  transpose,
} from '../../core/tensor/index.ts';
import { type Case, checkOps, dims, shape, size, unary } from './harness.ts';

const cases: Record<string, fc.Arbitrary<Case>> = {
  erf: unary(erf),
  sigmoid: unary(sigmoid),
  'gelu, exact': unary((x) => gelu(x)),
  'gelu, tanh': unary((x) => gelu(x, 'tanh')),
  layerNorm: fc.tuple(shape, size, fc.boolean(), fc.boolean()).map(
    ([lead, c, weight, bias]): Case => ({
      shapes: [[...lead, c], ...(weight ? [[c]] : []), ...(bias ? [[c]] : [])],
      // A large eps, so that a row that happens to be constant does not blow up the central differences.
      run: ([x, ...rest]) =>
        layerNorm(x as Tensor, weight ? (rest[0] as Tensor) : null, bias ? (rest.at(-1) as Tensor) : null, 0.1),
    }),
  ),
  permute: fc
    .array(size, { minLength: 1, maxLength: 6 })
    .chain((s) =>
      fc.tuple(
        fc.constant(s),
        fc.shuffledSubarray(
          s.map((_, i) => i),
          { minLength: s.length },
        ),
      ),
    )
    .map(
      ([s, order]): Case => ({ shapes: [s.map((n) => Math.min(n, 5))], run: ([x]) => permute(x as Tensor, ...order) }),
    ),
  transpose: dims.map(([a, b, c]): Case => ({ shapes: [[a, b, c]], run: ([x]) => transpose(x as Tensor, -2, -1) })),
  dropout: unary((x) => dropout(x, 0.3, { place: intTensor(x.backend, Int32Array.of(5, 0, 1, 2), [4]), site: 256 })),
  narrow: fc.tuple(dims, fc.nat(2), fc.nat(99), fc.nat(99)).map(([s, dim, a, b]): Case => {
    const start = a % s[dim];
    return { shapes: [s], run: ([x]) => narrow(x as Tensor, dim, start, 1 + (b % (s[dim] - start))) };
  }),
  slice: dims.map(([a, b]): Case => ({ shapes: [[a, b + 2]], run: ([x]) => slice(x as Tensor, 1, -2) })),
  'split and cat': dims.map(
    ([a, b, c]): Case => ({
      shapes: [[a, b, c]],
      run: ([x]) => cat([...split(x as Tensor, 2, 1), mul(x as Tensor, 2)].reverse(), 1),
    }),
  ),
  maskedFill: fc.tuple(dims, fc.array(fc.nat(1), { minLength: 81, maxLength: 81 }), fc.boolean()).map(
    ([[a, b, c], bits, wide]): Case => ({
      shapes: [[a, b, c]],
      run: ([x], backend) =>
        maskedFill(
          x as Tensor,
          wide
            ? intTensor(backend, Int32Array.from(bits.slice(0, b * c)), [b, c])
            : intTensor(backend, Int32Array.from(bits.slice(0, a)), [a, 1, 1]),
          -3,
        ),
    }),
  ),
  'matmul of batches': fc
    .tuple(dims, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.nat(4))
    .map(([[m, k, n], p, q, kind]): Case => {
      const batches: readonly (readonly [number[], number[]])[] = [
        [
          [p, q],
          [p, q],
        ],
        [[p, q], []],
        [[], [q]],
        [[p, 1], [q]],
        [
          [1, q],
          [p, 1],
        ],
      ];
      const [a, b] = batches[kind];
      return {
        shapes: [
          [...a, m, k],
          [...b, k, n],
        ],
        run: ([x, y]) => matmul(x as Tensor, y as Tensor),
      };
    }),
  attention: fc.tuple(dims, fc.boolean(), fc.integer({ min: 1, max: 2 })).map(
    ([[t, s, d], isCausal, b]): Case => ({
      shapes: [
        [b, 2, t, d],
        [b, 2, s, d],
        [b, 2, s, d],
      ],
      run: ([q, k, v]) => scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor, { isCausal }),
    }),
  ),
};

checkOps(cases);
