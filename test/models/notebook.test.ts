/** Recipes that draw as the lectures' notebooks do: first values, batches and split, whatever is asked for in what order. */
import { expect, test } from 'vitest';
import { firstValues, samplerOf } from '../../coordinator/draws.ts';
import { splitLinesAsNotebook } from '../../core/data/split.ts';
import { TorchGenerator } from '../../core/random/torch.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { presetRecipe } from '../../models/presets.ts';
import { parseRecipe } from '../../models/recipe.ts';

const spec: ModelSpec = { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 };
const model = buildModel(spec);
const recipe = { ...presetRecipe('names-mlp'), random: 'notebook', seed: 2_147_483_647, batch: 32 } as const;

test('weights are drawn one after the other, those of linear layers as [in, out]', () => {
  const { params } = firstValues(recipe, model);
  const g = new TorchGenerator(recipe.seed);
  const close = (actual: number | undefined, expected: number) => expect(actual).toBeCloseTo(expected, 6);
  const C = g.randn(27 * 10);
  close(params[0], C[0] as number);
  close(params[269], C[269] as number);
  const W1 = g.randn(30 * 200);
  const spread = 5 / 3 / Math.sqrt(30);
  // Row 7 of [out, in] is column 7 of what was drawn.
  close(params[270 + 7 * 30 + 2], spread * (W1[2 * 200 + 7] as number));
  const W2 = g.randn(200 * 27);
  const at = 270 + 6000 + 400;
  close(params[at + 5 * 200 + 3], 0.01 * (W2[3 * 27 + 5] as number));
  // b2 is drawn, and multiplied by 0.
  expect([...params.subarray(at + 5400)].every((v) => v === 0)).toBe(true);
});

test('batches go on where the first values stopped: a function of the step, asked for in any order', () => {
  const n = 182_625;
  const inOrder = samplerOf(recipe, model);
  const batches = [0, 1, 2, 3].map((step) => [...inOrder(step, n)]);
  expect(batches[0]?.slice(0, 5)).toEqual([5197, 99_677, 101_728, 53_213, 114_200]);
  const anyhow = samplerOf(recipe, model);
  for (const step of [3, 1, 2, 0, 3]) expect([...anyhow(step, n)]).toEqual(batches[step]);
});

test('the split is Python’s shuffle of seed 42, cut at 80 and 90 %', () => {
  const lines = Array.from({ length: 10 }, (_, i) => `${i}`);
  // random.seed(42); x = list(range(10)); random.shuffle(x)
  expect(splitLinesAsNotebook(lines)).toEqual({
    train: ['7', '3', '2', '8', '5', '6', '9', '4'],
    val: ['0'],
    test: ['1'],
  });
  expect(() => splitLinesAsNotebook(['a'])).toThrow('too few');
});

test('a model of text has no such notebook', () => {
  expect(() => parseRecipe({ ...presetRecipe('text-gpt'), random: 'notebook' }, 'it')).toThrow(
    'it is no valid recipe (random: notebook is for models of lines, and gpt learns from text; leave it out)',
  );
});
