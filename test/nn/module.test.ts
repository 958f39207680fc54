/** Modules: PyTorch's names, tied weights once, first values from the seed alone, and the published parameter counts. */
import { describe, expect, test } from 'vitest';
import {
  BatchNorm1d,
  bufferLayout,
  Embedding,
  FlattenConsecutive,
  init,
  initialise,
  Linear,
  Module,
  parameterLayout,
  Sequential,
  Tanh,
} from '../../core/nn/index.ts';
import type { Tensor } from '../../core/tensor/index.ts';
import { buildModel } from '../../models/model.ts';

const mlp = () => buildModel({ name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 });
const wavenet = () => buildModel({ name: 'wavenet', vocabSize: 27, blockSize: 8, embeddingDim: 24, hidden: 128 });

describe('names', () => {
  test("a Sequential's are numbers, as torch.nn.Sequential's", () => {
    const model = new Sequential(new Linear(4, 3), new Tanh(), new BatchNorm1d(3), new Sequential(new Linear(3, 2)));
    expect(model.namedParameters().map(([name]) => name)).toEqual([
      '0.weight',
      '0.bias',
      '2.weight',
      '2.bias',
      '3.0.weight',
      '3.0.bias',
    ]);
    expect(model.namedBuffers().map(([name]) => name)).toEqual(['2.running_mean', '2.running_var']);
  });

  test("a module's are its fields, and an array's elements are numbered, as in a ModuleList", () => {
    class Net extends Module {
      readonly wte = new Embedding(5, 4);
      readonly blocks = [new Linear(4, 4, { bias: false }), new BatchNorm1d(4)];
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    class Outer extends Module {
      readonly transformer = new Net();
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    expect(new Outer().namedParameters().map(([name]) => name)).toEqual([
      'transformer.wte.weight',
      'transformer.blocks.0.weight',
      'transformer.blocks.1.weight',
      'transformer.blocks.1.bias',
    ]);
    const modules = Array.from(new Outer().namedModules(), ([name]) => name);
    expect(modules).toEqual(['', 'transformer', 'transformer.wte', 'transformer.blocks.0', 'transformer.blocks.1']);
  });

  test('the shapes are torch`s: a Linear is [out, in]', () => {
    const { entries } = parameterLayout(new Sequential(new Embedding(27, 10), new Linear(30, 200)));
    expect(entries.map(({ shape, offset }) => ({ shape, offset }))).toEqual([
      { shape: [27, 10], offset: 0 },
      { shape: [200, 30], offset: 270 },
      { shape: [200], offset: 6270 },
    ]);
  });

  test('tied weights are listed once, under the first name', () => {
    class Tied extends Module {
      readonly wte = new Embedding(7, 4);
      readonly lm_head: { weight: unknown } & Module;
      constructor() {
        super();
        const head = new Linear(4, 7, { bias: false });
        Object.assign(head, { weight: this.wte.weight });
        this.lm_head = head;
      }
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const tied = new Tied();
    expect(tied.lm_head.weight).toBe(tied.wte.weight);
    expect(parameterLayout(tied)).toMatchObject({ length: 28, entries: [{ name: 'wte.weight' }] });
    // The same layer twice, likewise.
    const layer = new Linear(2, 2);
    expect(parameterLayout(new Sequential(layer, new Tanh(), layer)).length).toBe(6);
  });
});

describe('parameter counts', () => {
  test('the MLP of part 3 has 12,097', () => expect(parameterLayout(mlp()).length).toBe(12_097));
  test('the WaveNet of part 5 has 76,579', () => expect(parameterLayout(wavenet()).length).toBe(76_579));
  test('buffers are kept apart', () => {
    expect(bufferLayout(mlp()).length).toBe(2 * 200);
    expect(bufferLayout(wavenet()).length).toBe(3 * 2 * 128);
  });
});

describe('training mode', () => {
  test('reaches every module', () => {
    const model = new Sequential(new Sequential(new BatchNorm1d(2)), new Tanh());
    const modes = () => Array.from(model.namedModules(), ([, m]) => m.training);
    expect(modes()).toEqual([true, true, true, true]);
    model.eval();
    expect(modes()).toEqual([false, false, false, false]);
    model.train();
    expect(modes()).toEqual([true, true, true, true]);
  });
});

describe('initialise', () => {
  test('is a function of the seed', () => {
    expect(initialise(wavenet(), 3)).toEqual(initialise(wavenet(), 3));
    expect(initialise(wavenet(), 3).params).not.toEqual(initialise(wavenet(), 4).params);
  });

  test('gives each parameter values of its own, which other layers do not change', () => {
    const [one, two] = [new Sequential(new Linear(8, 8)), new Sequential(new Linear(8, 8), new Linear(8, 8))];
    const [short, long] = [initialise(one, 1).params, initialise(two, 1).params];
    expect(long.subarray(0, short.length)).toEqual(short);
    expect(long.subarray(72, 136)).not.toEqual(long.subarray(0, 64));
    // Another way to draw the first, and a batch norm (with its buffers) before the end, leave the second as it was.
    const other = new Sequential(new Linear(8, 8, { init: init.zeros }), new Linear(8, 8), new BatchNorm1d(8));
    expect(initialise(other, 1).params.subarray(72, 144)).toEqual(long.subarray(72, 144));
  });

  test('draws from the distributions of torch: U(±1/√in) for Linear, N(0, 1) for Embedding, 1 and 0 for BatchNorm', () => {
    const n = 10_000;
    const linear = initialise(new Linear(100, 100, { bias: false }), 5).params;
    const moments = (values: Float32Array) => {
      const mean = values.reduce((a, b) => a + b, 0) / n;
      return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / n };
    };
    // Bounds are over 4 standard errors; the seed is fixed, so this either holds or does not.
    expect(Math.max(...linear.map(Math.abs))).toBeLessThanOrEqual(0.1);
    expect(Math.max(...linear.map(Math.abs))).toBeGreaterThan(0.099);
    expect(Math.abs(moments(linear).mean)).toBeLessThan(0.0025);
    expect(moments(linear).variance / (0.01 / 3)).toBeCloseTo(1, 1);
    const table = initialise(new Embedding(100, 100), 5).params;
    expect(Math.abs(moments(table).mean)).toBeLessThan(0.04);
    expect(moments(table).variance).toBeCloseTo(1, 1);
    const { params, buffers } = initialise(new BatchNorm1d(3), 5);
    expect([...params, ...buffers]).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
  });
});

test('layers say which shape they wanted', () => {
  const flat = new FlattenConsecutive(2);
  const norm = new BatchNorm1d(2);
  const shaped = (...shape: number[]) => ({ shape }) as unknown as Tensor;
  expect(() => flat.forward(shaped(4, 3, 2))).toThrow('[4, 3, 2]');
  expect(() => norm.forward(shaped(4))).toThrow('[4]');
});
