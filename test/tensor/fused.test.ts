/** Fused operations against their composition from small ones, forward and backward. */
import { describe, test } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import {
  add,
  batchNorm,
  causalSelfAttention,
  crossEntropy,
  div,
  embedding,
  erf,
  exp,
  gather,
  gelu,
  intTensor,
  layerNorm,
  linear,
  log,
  logSoftmax,
  maskedFill,
  matmul,
  mean,
  mul,
  narrow,
  neg,
  oneHot,
  scaledDotProductAttention,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  variance,
  view,
} from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';
import { type Case, close, gradients } from './harness.ts';

const composedAttention = (q: Tensor, k: Tensor, v: Tensor, isCausal: boolean) => {
  const [T, D] = q.shape.slice(-2);
  const scores = mul(matmul(q, transpose(k, -2, -1)), 1 / Math.sqrt(D));
  const above = Int32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? 1 : 0));
  return matmul(softmax(isCausal ? maskedFill(scores, intTensor(q.backend, above, [T, T]), -Infinity) : scores), v);
};

/** n ids below `below`, some more often than others. */
const idsBelow = (n: number, below: number) => Int32Array.from({ length: n }, (_, i) => (i * i + 3) % below);
const someIds = (backend: Backend, n: number, below: number) => intTensor(backend, idsBelow(n, below), [n]);

const composedCrossEntropy = (x: Tensor, backend: Backend, reduction: 'none' | 'sum' | 'mean') => {
  const [n, classes] = x.shape;
  const ids = idsBelow(n, classes);
  const ignored = intTensor(
    backend,
    ids.map((id) => (id === 3 ? 1 : 0)),
    [n],
  );
  const chosen = gather(logSoftmax(x), 1, intTensor(backend, ids, [n, 1]));
  const losses = maskedFill(neg(view(chosen, n)), ignored, 0);
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : div(sum(losses), ids.filter((id) => id !== 3).length);
};

const composedLayerNorm = (x: Tensor, w: Tensor, b: Tensor) => {
  const centred = sub(x, mean(x, { dim: -1, keepdim: true }));
  const variance = mean(square(centred), { dim: -1, keepdim: true });
  return add(mul(div(centred, sqrt(add(variance, 1e-5))), w), b);
};

/** Fused operations and the small ones that they are made of. */
const fused: Record<string, { shapes: number[][]; fused: Case['run']; composed: Case['run'] }> = {
  linear: {
    shapes: [[2, 5, 7], [3, 7], [3]],
    fused: ([x, w, b]) => linear(x as Tensor, w as Tensor, b as Tensor),
    composed: ([x, w, b]) => add(matmul(x as Tensor, transpose(w as Tensor, 0, 1)), b as Tensor),
  },
  embedding: {
    shapes: [[6, 5]],
    fused: ([w], backend) => embedding(someIds(backend, 11, 6), w as Tensor),
    composed: ([w], backend) => matmul(oneHot(someIds(backend, 11, 6), 6), w as Tensor),
  },
  softmax: {
    shapes: [[5, 13]],
    fused: ([x]) => softmax(x as Tensor),
    composed: ([x]) => div(exp(x as Tensor), sum(exp(x as Tensor), { dim: -1, keepdim: true })),
  },
  logSoftmax: {
    shapes: [[5, 13]],
    fused: ([x]) => logSoftmax(x as Tensor),
    composed: ([x]) => sub(x as Tensor, log(sum(exp(x as Tensor), { dim: -1, keepdim: true }))),
  },
  ...Object.fromEntries(
    (['none', 'sum', 'mean'] as const).map((reduction) => [
      `crossEntropy, ${reduction}`,
      {
        shapes: [[12, 7]],
        // Class 3 is the one that is ignored.
        fused: ([x]: Tensor[], backend: Backend) =>
          crossEntropy(x, someIds(backend, 12, 7), { reduction, ignoreIndex: 3 }),
        composed: ([x]: Tensor[], backend: Backend) => composedCrossEntropy(x, backend, reduction),
      },
    ]),
  ),
  ...Object.fromEntries(
    [false, true].map((unbiased) => [
      `batchNorm, ${unbiased ? 'un' : ''}biased`,
      {
        shapes: [[3, 6, 9], [9], [9]],
        fused: ([x, w, b]: Tensor[]) => batchNorm(x, w, b, 1e-5, unbiased).y,
        composed: ([x, w, b]: Tensor[]) => {
          const centred = sub(x, mean(x, { dim: [0, 1], keepdim: true }));
          return add(mul(div(centred, sqrt(add(variance(x, { dim: [0, 1], unbiased }), 1e-5))), w), b);
        },
      },
    ]),
  ),
  causalSelfAttention: {
    shapes: [[2, 13, 3 * 8]],
    fused: ([qkv]) => causalSelfAttention(qkv as Tensor, 2),
    composed: ([qkv]) => {
      const part = (i: number) => transpose(view(narrow(qkv as Tensor, 2, 8 * i, 8), 2, 13, 2, 4), 1, 2);
      return view(transpose(composedAttention(part(0), part(1), part(2), true), 1, 2), 2, 13, 8);
    },
  },
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
          composed: ([q, k, v]: Tensor[]) => composedAttention(q, k, v, isCausal),
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
