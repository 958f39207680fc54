/** State dicts: what they hold, that they come back, and what does not fit. */
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import {
  BatchNorm1d,
  Embedding,
  initialise,
  Linear,
  Module,
  parameterLayout,
  place,
  Sequential,
  type StateDict,
  unflatten,
} from '../../core/nn/index.ts';
import type { Tensor } from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';

const net = () => new Sequential(new Linear(3, 2), new BatchNorm1d(2), new Linear(2, 4, { bias: false }));

function placed(backend: Backend = wasm, seed = 1): { model: Sequential; params: Float32Array } {
  const model = net();
  const { params, buffers } = initialise(model, seed);
  const flat = place(model, backend);
  backend.write(flat.params, params);
  backend.write(flat.buffers, buffers);
  return { model, params };
}

class Tied extends Module {
  readonly wte = new Embedding(5, 4);
  readonly lm_head = new Linear(4, 5, { bias: false });
  constructor() {
    super();
    Object.assign(this.lm_head, { weight: this.wte.weight });
  }
  override forward(x: Tensor): Tensor {
    return x;
  }
}

describe.each([wasm, reference])('$name', (backend) => {
  test('holds parameters and buffers by torch`s names, in its order, and their values', async () => {
    const { model, params } = placed(backend);
    const state = await model.stateDict();
    expect([...state].map(([name, { shape }]) => [name, shape])).toEqual([
      ['0.weight', [2, 3]],
      ['0.bias', [2]],
      ['1.weight', [2]],
      ['1.bias', [2]],
      ['1.running_mean', [2]],
      ['1.running_var', [2]],
      ['2.weight', [4, 2]],
    ]);
    const flat = unflatten(parameterLayout(model), params);
    for (const { name, data } of flat) expect(state.get(name)?.data).toEqual(data);
    expect(state.get('1.running_var')?.data).toEqual(Float32Array.of(1, 1));
  });

  test('what is loaded is what was saved', async () => {
    const [a, b] = [placed(backend, 1).model, placed(backend, 2).model];
    const saved = await a.stateDict();
    expect(await b.stateDict()).not.toEqual(saved);
    expect(b.loadStateDict(saved)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(await b.stateDict()).toEqual(saved);
  });
});

test('every fault is named, and nothing is written', async () => {
  const { model } = placed();
  const before = await model.stateDict();
  const wrong = new Map(before);
  wrong.delete('0.bias');
  wrong.delete('1.running_mean');
  wrong.set('head.weight', { shape: [1], data: Float32Array.of(1) });
  wrong.set('2.weight', { shape: [2, 4], data: new Float32Array(8) });
  wrong.set('0.weight', { shape: [2, 3], data: new Float32Array(5) });
  expect(() => model.loadStateDict(wrong)).toThrow(
    'The state dict does not fit the model: it has head.weight, which the model has not; it lacks 0.bias, 1.running_mean; 0.weight has 5 numbers for its shape [2, 3]; 2.weight is [2, 4] there and [4, 2] here.',
  );
  expect(() => model.loadStateDict(wrong, { strict: false })).toThrow('2.weight is [2, 4] there');
  expect(await model.stateDict()).toEqual(before);
});

test('strict: false tells the differences and loads the rest', async () => {
  const { model } = placed();
  const part: StateDict = new Map([
    ['0.bias', { shape: [2], data: Float32Array.of(7, 8) }],
    ['1.num_batches_tracked', { shape: [], data: Float32Array.of(3) }],
  ]);
  const { missingKeys, unexpectedKeys } = model.loadStateDict(part, { strict: false });
  expect(missingKeys).toEqual(['0.weight', '1.weight', '1.bias', '1.running_mean', '1.running_var', '2.weight']);
  expect(unexpectedKeys).toEqual(['1.num_batches_tracked']);
  expect((await model.stateDict()).get('0.bias')?.data).toEqual(Float32Array.of(7, 8));
});

test('tied weights are saved under both names, as in torch, and loaded from either', async () => {
  const model = new Tied();
  wasm.fill(place(model, wasm).params, 1);
  expect([...(await model.stateDict()).keys()]).toEqual(['wte.weight', 'lm_head.weight']);
  const entry = { shape: [5, 4], data: new Float32Array(20).fill(3) };
  model.loadStateDict(new Map([['lm_head.weight', entry]]));
  expect((await model.stateDict()).get('wte.weight')).toEqual(entry);
  expect(() => model.loadStateDict(new Map())).toThrow('it lacks wte.weight, lm_head.weight');
});

test('a module without storage says so', async () => {
  await expect(net().stateDict()).rejects.toThrow('call place(model, backend) first');
});
