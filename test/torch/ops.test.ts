/** Operations against PyTorch, forward and backward; indices and codecs too (test/fixtures/make_ops.py). */
import { describe, expect, test } from 'vitest';
import {
  amax,
  argmax,
  backward,
  batchNorm,
  cat,
  crossEntropy,
  erf,
  gather,
  gelu,
  intTensor,
  layerNorm,
  maskedFill,
  matmul,
  max,
  mul,
  narrow,
  permute,
  pow,
  scaledDotProductAttention,
  sigmoid,
  split,
  sqrt,
  square,
  std,
  type Tensor,
  tensor,
  topk,
  transpose,
  variance,
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

/** Place i, counted row-major, is 7·i mod n. */
const index = ({ backend }: Tensor, shape: number[], n: number) => {
  const ids = Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (7 * i) % n);
  return intTensor(backend, ids, shape);
};

/** Every fourth target is ignored. */
const lossOf = (reduction: 'mean' | 'sum' | 'none') => (x: Tensor) => {
  const [n, classes] = x.shape;
  const ids = Int32Array.from({ length: n }, (_, i) => (i % 4 === 0 ? -100 : (5 * i) % classes));
  return crossEntropy(x, intTensor(x.backend, ids, [n]), { reduction });
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
  matmul_dot: matmul,
  matmul_row: matmul,
  matmul_column: matmul,
  pow_3: (x) => pow(x, 3),
  pow_minus_3: (x) => pow(x, -3),
  pow_0: (x) => pow(x, 0),
  pow_1_5: (x) => pow(sqrt(square(x)), 1.5),
  cross_entropy_mean: lossOf('mean'),
  cross_entropy_sum: lossOf('sum'),
  cross_entropy_none: lossOf('none'),
  gather: (x) => gather(x, 1, index(x, [4, 9, 6], 5)),
  gather_part: (x) => gather(x, 2, index(x, [3, 2, 8], 6)),
  amax: (x) => amax(x, { dim: [0, 2] }),
  max_all: (x) => max(x),
  max_dim: (x) => max(x, 1).values,
  topk: (x) => topk(x, 3).values,
  var: (x) => variance(x, { dim: [0, 2] }),
  var_biased: (x) => variance(x, { dim: 1, unbiased: false, keepdim: true }),
  std: (x) => std(x, { dim: -1 }),
  std_constant: (x) => std(mul(x, 0)),
  batch_norm: (x, w, b) => batchNorm(x, w, b, 1e-5).y,
  batch_norm_unbiased: (x, w, b) => batchNorm(x, w, b, 1e-5, true).y,
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

  const chosen: Record<string, (x: Tensor) => Tensor> = {
    argmax: (x) => argmax(x),
    argmax_1: (x) => argmax(x, 1),
    argmax_last: (x) => argmax(x, -1, true),
    max_0: (x) => max(x, 0).indices,
    topk: (x) => topk(x, 4).indices,
  };
  test.each(Object.entries(chosen))('the indices of %s', async (name, op) => {
    const got = op(tensor(backend, fixture.floats('indices.in'), fixture.shape('indices.in')));
    expect(got.dtype).toBe('i32');
    expect(got.shape).toEqual(fixture.shape(`indices.${name}`));
    expect(await backend.readInts(got.buf)).toEqual(fixture.ints(`indices.${name}`));
  });

  test.each(['bf16', 'f16'] as const)('numbers become %s as in PyTorch', async (format) => {
    const numbers = fixture.floats('codecs.in');
    const [src, dst] = [backend.alloc(numbers.length), backend.alloc(numbers.length / 2)];
    backend.write(src, numbers);
    backend.packHalf(format, dst, src);
    const codes = new Uint16Array((await backend.readInts(dst)).buffer);
    expect(Int32Array.from(codes)).toEqual(fixture.ints(`codecs.${format}`));
  });
});

test('every operation of the fixture is checked', () => {
  expect(
    fixture
      .names()
      .filter((name) => name.endsWith('.out'))
      .map((name) => name.slice(0, -4)),
  ).toEqual(Object.keys(ops));
});
