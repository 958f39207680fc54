/** Shapes that do not fit are refused with the operation's name and the shapes; no operation of several shapes is left out. */
import { describe, expect, test } from 'vitest';
import { Stream } from '../../core/random/streams.ts';
import * as tensors from '../../core/tensor/index.ts';
import { reference } from '../support/backends.ts';

const { intTensor, show, tensor } = tensors;
const t = (...s: number[]) =>
  tensor(reference, new Float64Array(s.reduce((a, b) => a * b, 1)), s, { requiresGrad: true });
const ids = (...s: number[]) => intTensor(reference, new Int32Array(s.reduce((a, b) => a * b, 1)), s);

/** Calls that must fail, and the shapes that the error must show. */
const misfits: Record<string, readonly [call: () => unknown, ...shapes: number[][]][]> = {
  add: [[() => tensors.add(t(2, 3), t(4)), [2, 3], [4]]],
  sub: [[() => tensors.sub(t(2, 3), t(2)), [2, 3], [2]]],
  mul: [[() => tensors.mul(t(5, 1, 3), t(4, 2)), [5, 1, 3], [4, 2]]],
  div: [[() => tensors.div(t(2), t(3)), [2], [3]]],
  matmul: [
    [() => tensors.matmul(t(2, 3), t(4, 5)), [2, 3], [4, 5]],
    [() => tensors.matmul(t(3), t(4)), [3], [4]],
    [() => tensors.matmul(t(3), t(2, 3)), [3], [2, 3]],
    [() => tensors.matmul(t(2, 3), t(2)), [2, 3], [2]],
    [() => tensors.matmul(t(), t(2)), [], [2]],
    [() => tensors.matmul(t(2, 1, 3), t(3, 3, 5)), [2], [3]],
  ],
  linear: [
    [() => tensors.linear(t(2, 3), t(5, 4), null), [2, 3], [5, 4]],
    [() => tensors.linear(t(2, 3), t(5, 3), t(4)), [5, 3], [4]],
  ],
  layerNorm: [
    [() => tensors.layerNorm(t(2, 3), t(4), null), [2, 3], [4]],
    [() => tensors.layerNorm(t(2, 3), null, t(1, 3)), [2, 3], [1, 3]],
  ],
  batchNorm: [
    [() => tensors.batchNorm(t(2, 3), t(4), t(4), 1e-5), [2, 3], [4]],
    [() => tensors.batchNorm(t(2, 3), t(3), t(2), 1e-5), [2, 3], [2]],
  ],
  batchNormEval: [[() => tensors.batchNormEval(t(2, 3), t(3), t(3), t(3), t(5), 1e-5), [2, 3], [5]]],
  embedding: [[() => tensors.embedding(ids(2, 2), t(3)), [2, 2], [3]]],
  maskedFill: [
    [() => tensors.maskedFill(t(2, 3), ids(4), 0), [2, 3], [4]],
    [() => tensors.maskedFill(t(3), ids(2, 3), 0), [2, 3], [3]],
  ],
  gather: [
    [() => tensors.gather(t(2, 3), 1, ids(4)), [2, 3], [4]],
    [() => tensors.gather(t(2, 3), 1, ids(3, 3)), [2, 3], [3, 3]],
  ],
  crossEntropy: [[() => tensors.crossEntropy(t(2, 3), ids(3)), [2, 3], [3]]],
  scaledDotProductAttention: [
    [() => tensors.scaledDotProductAttention(t(2, 3), t(2, 4), t(2, 4)), [2, 3], [2, 4]],
    [() => tensors.scaledDotProductAttention(t(2, 3), t(5, 3), t(6, 3)), [5, 3], [6, 3]],
  ],
  cat: [
    [() => tensors.cat([t(2, 3), t(3, 3)], 1), [2, 3], [3, 3]],
    [() => tensors.cat([t(2, 3), t(2)], 0), [2, 3], [2]],
  ],
  backward: [[() => tensors.backward(t(2, 3), t(3, 2)), [2, 3], [3, 2]]],
  view: [[() => tensors.view(t(2, 3), 4, 2), [2, 3], [4, 2]]],
  permute: [[() => tensors.permute(t(2, 3), 0, 0), [0, 0], [2, 3]]],
  split: [[() => tensors.split(t(2, 3), [1, 1], 1), [1, 1], [2, 3]]],
};

/** Exports that take one tensor at most, or none; `reshape` is `view`. */
const single = [
  ...['Tensor', 'tensor', 'intTensor', 'noGrad', 'numel', 'sameShape', 'show', 'reshape'],
  ...['neg', 'exp', 'log', 'tanh', 'relu', 'sqrt', 'square', 'erf', 'sigmoid', 'reciprocal', 'gelu', 'pow', 'dropout'],
  ...['sum', 'mean', 'variance', 'std', 'unsqueeze', 'softmax', 'logSoftmax', 'causalSelfAttention'],
  ...['transpose', 'narrow', 'slice', 'amax', 'max', 'argmax', 'topk', 'oneHot', 'multinomial'],
];

test('every export is of one list or the other', () => {
  expect([...Object.keys(misfits), ...single].sort()).toEqual(Object.keys(tensors).sort());
});

describe.each(Object.entries(misfits))('%s', (op, calls) => {
  test.each(calls.map(([call, ...shapes]) => ({ call, shapes, shown: shapes.map(show).join(' and ') })))(
    'refuses $shown',
    ({ call, shapes }) => {
      const message = messageOf(call);
      expect(message).toMatch(new RegExp(`^${op === 'batchNormEval' ? 'batchNorm' : op}: `));
      for (const shape of shapes) expect(message).toContain(show(shape));
    },
  );
});

test('operations of one tensor name it too', () => {
  expect(messageOf(() => tensors.narrow(t(2, 3), 1, 2, 2))).toContain(
    '[2, 4) leaves dimension 1 of a tensor of shape [2, 3]',
  );
  expect(messageOf(() => tensors.topk(t(2, 3), 4))).toBe(
    'topk: k = 4 does not fit the last dimension of a tensor of shape [2, 3]',
  );
  expect(messageOf(() => tensors.argmax(t(2, 0), 1))).toContain('argmax: a tensor of shape [2, 0] has no elements');
  expect(messageOf(() => tensors.amax(t(2, 0)))).toContain('amax: a tensor of shape [2, 0] has no elements');
  expect(messageOf(() => tensors.max(t(2, 3), 2))).toBe(
    'max: dimension 2 is out of range for a tensor of 2 dimensions',
  );
  expect(messageOf(() => tensors.causalSelfAttention(t(2, 3, 4), 2))).toContain('causalSelfAttention: qkv [2, 3, 4]');
  expect(messageOf(() => tensors.multinomial(t(2, 3, 4), 2, new Stream(1, 4)))).toContain('are f32 [2, 3, 4]');
  expect(messageOf(() => tensors.batchNorm(t(1, 3), t(3), t(3), 1e-5, true))).toContain('input [1, 3] has one row');
});

test('integers where numbers are wanted are refused by every kind of operation', () => {
  expect(() => tensors.exp(ids(2))).toThrow('exp: expected f32, got a tensor of i32 and shape [2]');
  expect(() => tensors.add(t(2), ids(2))).toThrow('add: expected f32, got a tensor of i32 and shape [2]');
  expect(() => tensors.sum(ids(2))).toThrow('sum: expected f32');
  expect(() => tensors.matmul(t(1, 2), ids(2, 1))).toThrow('matmul: expected f32');
  expect(() => tensors.topk(ids(2), 1)).toThrow('topk: expected f32');
  expect(() => tensors.argmax(ids(2))).toThrow('argmax: expected f32');
  expect(() => tensors.cat([t(2), ids(2)])).toThrow('cat: expected f32');
});

test('numbers where integers are wanted, too', () => {
  expect(() => tensors.oneHot(t(2), 3)).toThrow('oneHot: the ids, of shape [2], must be an i32 tensor');
  expect(() => tensors.gather(t(2), 0, t(2))).toThrow('gather: the index, of shape [2], must be an i32 tensor');
  expect(() => tensors.embedding(t(2), t(3, 4))).toThrow('embedding: the ids');
  expect(() => tensors.crossEntropy(t(2, 3), t(2))).toThrow('crossEntropy: targets [2] (i32)');
  expect(() => tensors.maskedFill(t(2), t(2), 0)).toThrow('maskedFill: the mask must be an i32 tensor');
});

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return 'no error';
}
