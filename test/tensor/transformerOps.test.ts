/** The operations that transformers need, each checked as harness.ts says; and fused ones against their composition. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  cat,
  div,
  dropout,
  erf,
  gelu,
  intTensor,
  layerNorm,
  maskedFill,
  matmul,
  mean,
  mul,
  narrow,
  permute,
  scaledDotProductAttention,
  sigmoid,
  slice,
  softmax,
  split,
  sqrt,
  square,
  sub,
  type Tensor,
  tanh,
  tensor,
  transpose,
} from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';
import { type Case, checkOps, close, dims, gradients, shape, size, unary } from './harness.ts';

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

const composedLayerNorm = (x: Tensor, w: Tensor, b: Tensor) => {
  const centred = sub(x, mean(x, { dim: -1, keepdim: true }));
  const variance = mean(square(centred), { dim: -1, keepdim: true });
  return add(mul(div(centred, sqrt(add(variance, 1e-5))), w), b);
};

/** Fused operations and the small ones that they are made of. */
const fused: Record<string, { shapes: number[][]; fused: Case['run']; composed: Case['run'] }> = {
  layerNorm: {
    shapes: [[3, 5, 21], [21], [21]],
    fused: ([x, w, b]) => layerNorm(x as Tensor, w as Tensor, b as Tensor),
    composed: ([x, w, b]) => composedLayerNorm(x as Tensor, w as Tensor, b as Tensor),
  },
  ...Object.fromEntries(
    [true, false].flatMap((isCausal) =>
      [5, 64, 150].map((T) => [
        `${isCausal ? 'causal' : 'full'} attention over ${T}`,
        {
          shapes: [
            [2, 2, T, 16],
            [2, 2, T, 16],
            [2, 2, T, 16],
          ],
          fused: ([q, k, v]: Tensor[]) => scaledDotProductAttention(q, k, v, { isCausal }),
          composed: ([q, k, v]: Tensor[]) => {
            const scores = mul(matmul(q, transpose(k, -2, -1)), 1 / Math.sqrt(16));
            const above = Int32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? 1 : 0));
            const mask = intTensor(q.backend, above, [T, T]);
            return matmul(softmax(isCausal ? maskedFill(scores, mask, -Infinity) : scores), v);
          },
        },
      ]),
    ),
  ),
  'gelu, exact': {
    shapes: [[7, 13]],
    fused: ([x]) => gelu(x as Tensor),
    composed: ([x]) => mul(mul(x as Tensor, 0.5), add(erf(mul(x as Tensor, Math.SQRT1_2)), 1)),
  },
  'gelu, tanh': {
    shapes: [[7, 13]],
    fused: ([x]) => gelu(x as Tensor, 'tanh'),
    composed: ([x]) => {
      const v = x as Tensor;
      const u = mul(add(v, mul(mul(square(v), v), 0.044715)), Math.sqrt(2 / Math.PI));
      return mul(mul(v, 0.5), add(tanh(u), 1));
    },
  },
};

describe.each(Object.entries(fused))('%s equals its composition', (_, { shapes, fused, composed }) => {
  test.each([
    [reference, 1e-12],
    [wasm, 5e-6],
  ] as const)('forward and backward', async (backend, tolerance) => {
    const data = shapes.map((s, t) =>
      Float32Array.from({ length: s.reduce((a, b) => a * b, 1) }, (_, i) => 2 * Math.sin(1.7 * i + t)),
    );
    const a = await gradients({ shapes, run: fused }, data, backend);
    const b = await gradients({ shapes, run: composed }, data, backend);
    close(a.out, b.out, tolerance, 'output');
    for (const [i, g] of a.grads.entries()) close(g, b.grads[i], tolerance, `gradient of input ${i}`);
  });
});

describe('shapes that do not fit', () => {
  const t = (...s: number[]) => tensor(reference, new Float64Array(s.reduce((a, b) => a * b, 1)), s);
  test('are refused with the op and both shapes', () => {
    expect(() => layerNorm(t(2, 3), t(4), null)).toThrow('layerNorm: input [2, 3] does not fit weight or bias [4]');
    expect(() => matmul(t(2, 3), t(4, 5))).toThrow('matmul: shapes [2, 3] and [4, 5] do not multiply');
    expect(() => matmul(t(2, 1, 3), t(3, 3, 5))).toThrow('matmul: shapes [2] and [3] do not broadcast');
    expect(() => cat([t(2, 3), t(3, 3)], 1)).toThrow('cat: shapes [2, 3] and [3, 3] differ outside dimension 1');
    expect(() => narrow(t(2, 3), 1, 2, 2)).toThrow('narrow: [2, 4) leaves dimension 1 of a tensor of shape [2, 3]');
    expect(() => split(t(2, 3), [1, 1], 1)).toThrow('split: sizes [1, 1] do not add up to dimension 1 of shape [2, 3]');
    expect(() => permute(t(2, 3), 0, 0)).toThrow('permute: [0, 0] does not name each dimension of shape [2, 3]');
    expect(() => scaledDotProductAttention(t(2, 3), t(2, 4), t(2, 4))).toThrow('q [2, 3], k [2, 4] and v [2, 4]');
  });
});
