/** The sampler's thread draws what the command line draws from a checkpoint of the same parameters; and the log of what it drew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Sampler } from '../../../coordinator/live/sampler.ts';
import { PLAIN } from '../../../coordinator/options.ts';
import { prepareNewRun } from '../../../coordinator/prepare.ts';
import { SampleLog } from '../../../coordinator/sampleLog.ts';
import { createWasmBackend } from '../../../core/backend/wasm/loadNode.ts';
import { latestCheckpoint } from '../../../core/checkpoint/store.ts';
import { UserError } from '../../../core/errors.ts';
import { parseRecipe } from '../../../models/recipe.ts';
import { sample } from '../../../models/sample.ts';
import { loadTrained } from '../../../models/trained.ts';
import { readJsonLines, scratch } from '../../support/cli.ts';

const place = scratch();
afterAll(() => place.remove());

const common = {
  seed: 3,
  steps: 10,
  batch: 8,
  microBatch: 8,
  optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  schedule: { name: 'constant', lr: 0.1 },
};

test.each([
  ['lines', { name: 'wavenet', blockSize: 4, embeddingDim: 4, hidden: 8 }],
  ['text', { name: 'gpt', blockSize: 8, layers: 1, heads: 2, embeddingDim: 8, dropout: 0 }],
])('of %s, from parameters in memory as from a checkpoint', async (kind, model) => {
  const source = join(place.dir, `${kind}.txt`);
  writeFileSync(source, 'anna\nbob\ncleo\ndora\neve\n'.repeat(20));
  const recipe = parseRecipe({ ...common, model, data: { source } }, 'the recipe');
  const options = () => PLAIN;
  const { trainer, folder, config, tokenizer } = await prepareNewRun(recipe, join(place.dir, kind), options);
  const sampler = new Sampler(config.recipe, tokenizer, () => trainer.state);
  try {
    await folder.checkpoint(0, () => trainer.tensors(), { last: 1 });
    const trained = await loadTrained(await latestCheckpoint(folder.dir), await createWasmBackend());
    const asked = { count: 3, seed: 5, temperature: 0.9, prompt: 'an', length: 30 };
    const expected: string[] = [];
    for await (const text of sample(trained, asked)) expected.push(text);
    // Twice: a draw leaves nothing behind in the thread, nor takes the run's own parameters away.
    expect(await sampler.draw(asked)).toEqual(expected);
    expect(await sampler.draw(asked)).toEqual(expected);
    expect(sampler.busy).toBe(false);
    await expect(sampler.draw({ ...asked, prompt: 'Anna' })).rejects.toThrow(UserError);
    await sampler.close();
    await expect(sampler.draw(asked)).rejects.toThrow('the run has ended');
  } finally {
    await sampler.close();
    await folder.close();
  }
});

test('of steps that are undone while they are being drawn, nothing is written down', async () => {
  const source = join(place.dir, 'undone.txt');
  writeFileSync(source, 'anna\nbob\ncleo\ndora\neve\n'.repeat(20));
  const model = { name: 'wavenet', blockSize: 4, embeddingDim: 4, hidden: 8 };
  const recipe = parseRecipe({ ...common, model, data: { source } }, 'the recipe');
  const { trainer, folder, config, tokenizer } = await prepareNewRun(recipe, join(place.dir, 'undone'), () => PLAIN);
  const log = new SampleLog(folder, config.recipe, tokenizer, () => trainer.state);
  for (const step of [2, 4, 6]) log.onEvaluation({ step, split: 'val', loss: 1 });
  log.onRollback(6, 3);
  log.onEvaluation({ step: 4, split: 'val', loss: 1 });
  await log.close();
  await folder.close();
  const lines = readJsonLines<{ step: number }>(join(folder.dir, 'samples.jsonl'));
  expect(lines.map(({ step }) => step)).toEqual([2, 4]);
});
