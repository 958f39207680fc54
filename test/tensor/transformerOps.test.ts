/** The operations that transformers need, each checked as harness.ts says; and fused ones against their composition. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  div,
  erf,
  gelu,
  layerNorm,
  mean,
  mul,
  sigmoid,
  sqrt,
  square,
  sub,
  type Tensor,
  tanh,
  tensor,
} from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';
import { type Case, checkOps, close, gradients, shape, size, unary } from './harness.ts';

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
  });
});
