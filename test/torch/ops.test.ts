/** The operations that transformers need against PyTorch, forward and backward (test/fixtures/make_ops.py). */
import { describe, expect, test } from 'vitest';
import {
  backward,
  cat,
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
  split,
  type Tensor,
  tensor,
  transpose,
} from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';
import { expectClose, Fixture } from './fixture.ts';

/** 1e-5 of the tensor's largest element: sums of some hundred products, each rounded to f32 on both sides. */
const TOLERANCE = 1e-5;

const everyThird = ({ backend, shape }: Tensor) => {
  const [rows, cols] = shape.slice(-2);
  const ids = Int32Array.from({ length: rows * cols }, (_, i) => (i % 3 === 0 ? 1 : 0));
  return intTensor(backend, ids, [rows, cols]);
};

const ops: Record<string, (...inputs: Tensor[]) => Tensor> = {
  layer_norm: (x, w, b) => layerNorm(x, w, b),
  layer_norm_plain: (x) => layerNorm(x, null, null),
  gelu: (x) => gelu(mul(x, 2)),
  gelu_tanh: (x) => gelu(mul(x, 2), 'tanh'),
  sigmoid: (x) => sigmoid(mul(x, 2)),
  erf,
  matmul,
  matmul_broadcast: matmul,
  matmul_shared: matmul,
  permute: (x) => permute(x, 2, 0, 3, 1),
  transpose: (x) => transpose(x, 1, 2),
  split_cat: (x) => cat(split(x, 3, 1).reverse(), 1),
  narrow: (x) => narrow(x, 1, 2, 4),
  masked_fill: (x) => maskedFill(x, everyThird(x), -2.5),
  attention: (q, k, v) => scaledDotProductAttention(q, k, v),
  attention_causal: (q, k, v) => scaledDotProductAttention(q, k, v, { isCausal: true }),
};

const fixture = await Fixture.open('ops.safetensors');

describe.each([wasm, reference])('$name', (backend) => {
  test.each(Object.entries(ops))('%s', async (name, op) => {
    const mark = backend.mark();
    const load = (part: string, requiresGrad = false) =>
      tensor(backend, fixture.floats(`${name}.${part}`), fixture.shape(`${name}.${part}`), { requiresGrad });
    const inputs: Tensor[] = [];
    while (fixture.has(`${name}.in${inputs.length}`)) inputs.push(load(`in${inputs.length}`, true));
    const out = op(...inputs);
    expect(out.shape).toEqual(fixture.shape(`${name}.out`));
    backward(out, load('g'));
    const check = async (part: string, got: Tensor | null) => {
      const want = fixture.floats(`${name}.${part}`);
      const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      expectClose(`${name}.${part}`, (await got?.read()) ?? [], want, { absolute: TOLERANCE * largest });
    };
    await check('out', out);
    for (const [i, input] of inputs.entries()) await check(`grad${i}`, input.grad);
    backend.release(mark);
  });
});
