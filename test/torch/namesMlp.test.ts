/**
 * The promise of single-process PyTorch semantics: with one micro-batch a step, 50 steps of the MLP with batch norm through
 * a worker's and the coordinator's own arithmetic are those that PyTorch makes (test/fixtures/make_names_mlp.py).
 */
import { describe, expect, test } from 'vitest';
import { Trainer } from '../../coordinator/trainer.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import type { ModelSpec } from '../../models/model.ts';
import type { Recipe } from '../../models/recipe.ts';
import { Compute } from '../../worker/compute.ts';
import { expectClose, Fixture } from './fixture.ts';

const TOLERANCE = { absolute: 1e-4 };
const model = { name: 'mlp', blockSize: 3, embeddingDim: 10, hidden: 200 } as const;
const spec: ModelSpec = { ...model, vocabSize: 27 };
const recipe: Recipe = {
  model,
  data: { source: 'names' },
  seed: 0,
  random: 'counter',
  steps: 50,
  batch: 32,
  microBatch: 32,
  optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  schedule: { name: 'constant', lr: 0.1 },
  clipGradNorm: null,
};

/** The model's names, which are those of torch.nn.Sequential, and the fixture's. */
const TRAINED = {
  '0.weight': 'emb.weight',
  '2.weight': 'fc.weight',
  '3.weight': 'bn.weight',
  '3.bias': 'bn.bias',
  '5.weight': 'out.weight',
  '5.bias': 'out.bias',
};
const RUNNING = { '3.running_mean': 'bn.running_mean', '3.running_var': 'bn.running_var' };

const fixture = await Fixture.open('names_mlp.safetensors');

async function trained(): Promise<{ trainer: Trainer; losses: number[] }> {
  const trainer = new Trainer(await createWasmBackend(), recipe, spec);
  const given = Object.entries(TRAINED).map(([ours, theirs]) => ({
    name: ours,
    shape: fixture.shape(`init.${theirs}`),
    data: fixture.floats(`init.${theirs}`),
  }));
  const running = [
    { name: '3.running_mean', shape: [200], data: new Float32Array(200) },
    { name: '3.running_var', shape: [200], data: new Float32Array(200).fill(1) },
  ];
  trainer.restore({ file: 'the fixture', step: 0, tensors: [...given, ...running], metadata: {} });

  const compute = new Compute(await createWasmBackend(), spec);
  const into = {
    gradient: new Float32Array(compute.lengths.gradient),
    statistics: new Float32Array(compute.lengths.statistics),
  };
  const x = Uint16Array.from(fixture.ints('batches.x'));
  const y = Uint16Array.from(fixture.ints('batches.y'));
  const losses: number[] = [];
  for (let step = 0; step < 50; step++) {
    compute.load(trainer.state);
    const work = { round: step, mode: 'train', version: step, seed: 1, lo: 0, size: 1, counts: [32] } as const;
    const result = await compute.run(
      { ...work, x: x.subarray(step * 96, (step + 1) * 96), y: y.subarray(step * 32, (step + 1) * 32) },
      into,
    );
    trainer.begin(1);
    expect(trainer.flaw(result, [32], true)).toBeNull();
    trainer.accept(0, 1, result);
    losses.push(trainer.update().loss);
  }
  return { trainer, losses };
}

describe('50 steps of the MLP as PyTorch makes them, each number within 1e-4', () => {
  const done = trained();

  test('the loss of every step', async () => {
    const { losses } = await done;
    expectClose('loss', losses, fixture.floats('losses'), TOLERANCE);
    expect(losses[49], 'it learned').toBeLessThan(losses[0] - 0.5);
  });

  test.each(Object.entries({ ...TRAINED, ...RUNNING }))('%s is %s', async (ours, theirs) => {
    const tensors = (await done).trainer.tensors();
    const found = tensors.find(({ name }) => name === ours);
    expect(found?.shape).toEqual(fixture.shape(`final.${theirs}`));
    expectClose(ours, found?.data ?? [], fixture.floats(`final.${theirs}`), TOLERANCE);
  });

  test('the model has no parameter or buffer besides', async () => {
    const tensors = (await done).trainer.tensors();
    expect(tensors.map(({ name }) => name).sort()).toEqual(Object.keys({ ...TRAINED, ...RUNNING }).sort());
  });
});
