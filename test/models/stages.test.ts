/** The lectures' stages: sizes, names, first losses; and the ladder beside its fused twin. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import type { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import { initialise, type Module, parameterLayout, place } from '../../core/nn/index.ts';
import { crossEntropy, intTensor, noGrad, type Tensor } from '../../core/tensor/index.ts';
import { RUNGS } from '../../models/gptLadder.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { Compute } from '../../worker/compute.ts';

let backend: WasmBackend;
beforeAll(async () => {
  backend = await createWasmBackend();
});

function placed(spec: ModelSpec, seed: number): Module {
  const model = buildModel(spec);
  const { params, buffers } = place(model, backend);
  const first = initialise(model, seed);
  backend.write(params, first.params);
  backend.write(buffers, first.buffers);
  return model;
}

/** The mean loss of contexts of all kinds, against targets of all kinds. */
async function firstLoss(spec: ModelSpec): Promise<number> {
  const N = 540;
  const x = Int32Array.from({ length: N * spec.blockSize }, (_, i) => (i * 7 + Math.floor(i / 27)) % 27);
  const y = Int32Array.from({ length: N }, (_, i) => i % 27);
  const logits = placed(spec, 3).forward(intTensor(backend, x, [N, spec.blockSize]));
  return crossEntropy(logits, intTensor(backend, y, [N])).item();
}

describe('the MLP', () => {
  const mlp = (stage: 'naive' | 'softmax' | 'tanh' | 'kaiming' | 'batch-norm'): ModelSpec => ({
    ...{ name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200, stage },
  });

  test('is confidently wrong at its first stage, and knows that it knows nothing at the others', async () => {
    expect(await firstLoss(mlp('naive'))).toBeGreaterThan(15);
    for (const stage of ['softmax', 'tanh', 'kaiming', 'batch-norm'] as const)
      expect(await firstLoss(mlp(stage)), stage).toBeCloseTo(Math.log(27), 1);
  });

  test('has a bias before the tanh until batch norm makes it useless', () => {
    const names = (stage: Parameters<typeof mlp>[0]) =>
      parameterLayout(buildModel(mlp(stage))).entries.map((e) => e.name);
    expect(names('kaiming')).toEqual(['0.weight', '2.weight', '2.bias', '4.weight', '4.bias']);
    expect(names('batch-norm')).toEqual(['0.weight', '2.weight', '3.weight', '3.bias', '5.weight', '5.bias']);
  });
});

describe('the deep MLP', () => {
  test('begins at the uniform loss, with batch norm or without', async () => {
    const deep = { name: 'deep-mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 100, layers: 5 } as const;
    for (const batchNorm of [true, false]) expect(await firstLoss({ ...deep, batchNorm })).toBeCloseTo(Math.log(27), 1);
  });
});

describe('the GPT ladder', () => {
  const ladder = (rung: (typeof RUNGS)[number]): ModelSpec => ({
    ...{ name: 'gpt-ladder', vocabSize: 65, blockSize: 8, rung, layers: 3, heads: 4, embeddingDim: 32, dropout: 0.1 },
  });
  const ids = Int32Array.from({ length: 16 }, (_, i) => (i * 11) % 65);
  const logitsOf = async (model: Module, tokens: Int32Array): Promise<Float32Array> => {
    const T = tokens.length / 2;
    const run = (): Tensor => model.eval().forward(intTensor(backend, tokens, [2, T]));
    return Float32Array.from(await noGrad(run).read());
  };

  test.each(RUNGS)('%s predicts at every place, of shorter contexts too', async (rung) => {
    const model = placed(ladder(rung), 1);
    expect((await logitsOf(model, ids)).length).toBe(2 * 8 * 65);
    expect((await logitsOf(model, ids.subarray(0, 6))).length).toBe(2 * 3 * 65);
  });

  test.each(RUNGS)('%s sees nothing of what comes after', async (rung) => {
    const model = placed(ladder(rung), 1);
    const before = await logitsOf(model, ids);
    const changed = ids.slice();
    changed[6] = 1;
    changed[7] = 2;
    const after = await logitsOf(model, changed);
    // The first row's places 0 to 5 stand before the change.
    expect(after.subarray(0, 6 * 65)).toEqual(before.subarray(0, 6 * 65));
    expect(after.subarray(6 * 65, 8 * 65)).not.toEqual(before.subarray(6 * 65, 8 * 65));
  });

  test.each(RUNGS)('%s captured makes the bits of %s run anew', async (rung) => {
    const spec = ladder(rung);
    const tokens = Uint16Array.from(ids);
    const lease = { round: 0, version: 0, seed: 1, lo: 0, size: 1, counts: [2], x: tokens, y: tokens.toReversed() };
    const gradientOf = async (capture: boolean) => {
      const compute = new Compute(backend, spec, { capture });
      compute.load({ version: 0, ...initialise(buildModel(spec), 1) });
      const into = { gradient: new Float32Array(compute.lengths.gradient), statistics: new Float32Array(0) };
      const first = (await compute.run({ ...lease, mode: 'train' }, into)).gradient.slice();
      const again = (await compute.run({ ...lease, mode: 'train' }, into)).gradient.slice();
      expect(again).toEqual(first);
      return first;
    };
    expect(await gradientOf(true)).toEqual(await gradientOf(false));
  });
});
