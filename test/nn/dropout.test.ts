/** Dropout's layer: whose random numbers it takes, when it is idle; and what it drops, on both backends. */
import { describe, expect, test } from 'vitest';
import { Dropout, RandomPlace, Sequential } from '../../core/nn/index.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import { backward, dropout, intTensor, sum, type Tensor, tensor } from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';

const N = 1003;
const context = { seed: -7, step: 3, microBatch: 5 };

describe.each([wasm, reference])('$name', (backend) => {
  const ones = () => tensor(backend, new Float64Array(N).fill(1), [N], { requiresGrad: true });

  test('drops where the stream says, and the gradient with it', async () => {
    const model = new Sequential(new Dropout(0.25), new Dropout(0.5));
    new RandomPlace(model, backend).set(context);
    const first = model.layers[0].forward(ones());
    const x = ones();
    const second = model.layers[1].forward(x);
    backward(sum(second));
    const words = (k: number) =>
      new Stream(context.seed, Site.dropout + k, context.step, context.microBatch).uint32s(N);
    const kept = (k: number, p: number) =>
      Array.from(words(k), (w) => (w >= p * 2 ** 32 ? Math.fround(1 / (1 - p)) : 0));
    expect(Array.from(await first.read(), Math.fround)).toEqual(kept(0, 0.25));
    expect([...(await second.read())]).toEqual(kept(1, 0.5));
    expect([...(await (x.grad as Tensor).read())]).toEqual(kept(1, 0.5));
  });

  test('another step drops others', async () => {
    const model = new Dropout(0.5);
    const place = new RandomPlace(model, backend);
    const at = async (step: number) => {
      place.set({ seed: 1, step, microBatch: 0 });
      return [...(await model.forward(ones()).read())];
    };
    expect(await at(1)).toEqual(await at(1));
    expect(await at(1)).not.toEqual(await at(2));
  });

  test('p of 1 drops all', async () => {
    const x = ones();
    const y = dropout(x, 1, { place: intTensor(backend, new Int32Array(4), [4]), site: Site.dropout });
    backward(sum(y));
    expect((await y.read()).every((v) => v === 0)).toBe(true);
    expect((await (x.grad as Tensor).read()).every((v) => v === 0)).toBe(true);
  });
});

test('does nothing in evaluation, and wants a context in training', () => {
  const layer = new Dropout(0.5);
  const x = tensor(reference, [1, 2], [2]);
  expect(() => layer.forward(x)).toThrow('RandomPlace');
  expect(layer.eval().forward(x)).toBe(x);
  expect(() => new Dropout(1.5)).toThrow('p must be from 0 to 1');
});
