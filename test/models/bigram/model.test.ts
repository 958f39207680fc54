/** The distributable bigram: a table alone, drawn as in the notebook, and a context of one. */
import { expect, test } from 'vitest';
import { firstValues } from '../../../coordinator/draws.ts';
import { createWasmBackend } from '../../../core/backend/wasm/loadNode.ts';
import { initialise, parameterLayout, place } from '../../../core/nn/index.ts';
import { TorchGenerator } from '../../../core/random/torch.ts';
import { intTensor, noGrad } from '../../../core/tensor/index.ts';
import { buildModel, learnsFrom, parseModelSpec } from '../../../models/model.ts';
import { presetRecipe } from '../../../models/presets.ts';
import { parseRecipe } from '../../../models/recipe.ts';

const spec = parseModelSpec({ name: 'bigram', vocabSize: 27 });

test('it is one table, of a context of one', () => {
  expect(spec).toEqual({ name: 'bigram', vocabSize: 27, blockSize: 1 });
  expect(parameterLayout(buildModel(spec)).entries.map(({ name, shape }) => [name, shape])).toEqual([
    ['0.weight', [27, 27]],
  ]);
  expect(learnsFrom({ name: 'bigram', blockSize: 1 })).toBe('lines');
});

test('a longer context is refused', () => {
  const recipe = { ...presetRecipe('names-bigram'), model: { name: 'bigram', blockSize: 3 } };
  expect(() => parseRecipe(recipe, 'it')).toThrow(/^it is no valid recipe \(model\.blockSize: /);
});

test('the logits of a character are its row', async () => {
  const backend = await createWasmBackend();
  const model = buildModel(spec);
  const { params } = place(model, backend);
  const { params: table } = initialise(model, 3);
  backend.write(params, table);
  const logits = noGrad(() => model.forward(intTensor(backend, Int32Array.of(5, 0, 5), [3, 1])));
  expect(logits.shape).toEqual([3, 27]);
  const row = (id: number) => [...table.subarray(id * 27, (id + 1) * 27)];
  expect([...(await logits.read())]).toEqual([...row(5), ...row(0), ...row(5)]);
});

test('a notebook’s table is torch.randn((27, 27)) of its seed', () => {
  const recipe = { ...presetRecipe('names-bigram'), random: 'notebook', seed: 2_147_483_647 } as const;
  expect(firstValues(recipe, buildModel(spec)).params).toEqual(new TorchGenerator(recipe.seed).randn(27 * 27));
});
