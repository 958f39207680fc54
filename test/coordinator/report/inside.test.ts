/** What a report finds inside models: principal components, attention, a bigram's table. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { attentionMaps, causalWeights } from '../../../coordinator/report/attention.ts';
import { bigrams } from '../../../coordinator/report/bigrams.ts';
import { embeddingPoints, project } from '../../../coordinator/report/embedding.ts';
import { bufferLayout, init, Module, Parameter, parameterLayout, place } from '../../../core/nn/index.ts';
import { embedding, type Tensor, view } from '../../../core/tensor/index.ts';
import { registerModel } from '../../../models/custom.ts';
import { parseRecipe, type Recipe } from '../../../models/recipe.ts';
import { trainedModel } from '../../../models/trained.ts';
import { wasm } from '../../support/backends.ts';
import { scratch } from '../../support/cli.ts';

const { dir, remove } = scratch();
afterAll(remove);

function recipe(model: object, data: object): Recipe {
  return parseRecipe(
    {
      ...{ model, data, seed: 1, steps: 1, batch: 8, microBatch: 8 },
      optimizer: { name: 'sgd' },
      schedule: { name: 'constant', lr: 0.1 },
    },
    'the recipe',
  );
}

/** A model whose parameters are some numbers or others. */
function trained(of: Recipe, model: Module, value: (i: number) => number) {
  const sizes = place(model, wasm);
  const params = Float32Array.from({ length: sizes.params.length }, (_, i) => value(i));
  return trainedModel(of, { params, buffers: new Float32Array(sizes.buffers.length) }, wasm);
}

test('principal components are those of a cloud whose axes are known', () => {
  // Along (3, 4, 0, 0)/5 with spread 2, along (0, 0, 0, 1) with spread 1, and nothing else.
  const along = [-2, 2, -2, 2];
  const across = [-1, -1, 1, 1];
  const rows = along.map((a, i) => [0.6 * a + 7, 0.8 * a - 3, 5, across[i] ?? 0]);
  const { points, explained } = project(rows);
  for (const [i, [x, y]] of points.entries()) {
    expect(x).toBeCloseTo(along[i] ?? 0, 6);
    expect(y).toBeCloseTo(across[i] ?? 0, 6);
  }
  expect(explained).toBeCloseTo(1, 9);
  const round = project([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  expect(round.explained).toBeCloseTo(1, 9);
});

test('rows of two numbers are points as they are', () => {
  expect(
    project([
      [1, 2],
      [3, 4],
    ]),
  ).toEqual({
    points: [
      [1, 2],
      [3, 4],
    ],
    explained: null,
  });
});

test('attention rows sum to 1, and no position sees what comes after it', () => {
  const [positions, heads, dim] = [5, 2, 3];
  const qkv = Array.from({ length: positions * 3 * heads * dim }, (_, i) => Math.sin(i * i));
  const maps = causalWeights(qkv, positions, heads);
  expect(maps.length).toBe(heads);
  for (const [i, row] of maps.flat().entries()) {
    expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    expect(row.slice((i % positions) + 1).every((weight) => weight === 0)).toBe(true);
  }
  // Queries of nothing find all alike.
  const blind = qkv.map((x, i) => (i % (3 * heads * dim) < heads * dim ? 0 : x));
  expect(causalWeights(blind, positions, heads)[1]?.[3]).toEqual([0.25, 0.25, 0.25, 0.25, 0]);
});

test.each([
  ['gpt', { name: 'gpt' }, ['h.0', 'h.1']],
  ['a lecture’s gpt', { name: 'gpt-ladder', rung: 'layer-norm' }, ['blocks.0', 'blocks.1']],
])('every head of %s is found', async (_, model, layers) => {
  const { buildModel } = await import('../../../models/model.ts');
  const sizes = { ...model, blockSize: 8, layers: 2, heads: 2, embeddingDim: 8 };
  const of = recipe(sizes, { kind: 'text', vocab: ' abcdef\n' });
  const built = buildModel({ ...of.model, vocabSize: 8 });
  expect(bufferLayout(built).length + parameterLayout(built).length).toBeGreaterThan(0);
  const found = await attentionMaps(trained(of, built, (i) => Math.sin(i)));
  expect(found?.context.length).toBe(8);
  expect(found?.maps.map(({ layer, head }) => `${layer} ${head}`)).toEqual(
    layers.flatMap((layer) => [`${layer} head 1`, `${layer} head 2`]),
  );
  for (const { weights } of found?.maps ?? [])
    for (const [i, row] of weights.entries()) {
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      expect(row.slice(i + 1).every((weight) => weight === 0)).toBe(true);
    }
});

class Bigram extends Module {
  readonly weight: Parameter;
  constructor(vocabSize: number) {
    super();
    this.weight = new Parameter([vocabSize, vocabSize], init.zeros);
  }
  override forward(ids: Tensor): Tensor {
    return view(embedding(ids, this.weight), ids.shape[0] ?? 0, this.weight.shape[1] ?? 0);
  }
}

test('a bigram’s table is told in probabilities, with the counts of its very data', async () => {
  const file = join(dir, 'ab.txt');
  const text = 'ab\nabb\nb\n';
  writeFileSync(file, text);
  const code = 'a bigram for a test';
  registerModel(code, { learnsFrom: 'lines', blockSize: 1, build: ({ vocabSize }) => new Bigram(vocabSize) });
  const custom = { name: 'custom', title: 'bigram.ts', learnsFrom: 'lines', blockSize: 1, code };
  const model = trained(recipe(custom, { source: file, vocab: 'ab' }), new Bigram(3), (i) =>
    i === 1 ? Math.log(2) : 0,
  );
  const sha256 = createHash('sha256').update(text).digest('hex');
  const table = await bigrams(model, sha256);
  expect(table?.symbols).toEqual(['.', 'a', 'b']);
  expect(table?.probabilities[0]).toEqual([0.25, 0.5, 0.25]);
  expect(table?.counts).toEqual({
    found: [
      [0, 2, 1],
      [0, 0, 2],
      [3, 0, 1],
    ],
  });
  expect((await bigrams(model, 'another'))?.counts).toEqual({ absent: expect.stringContaining('no longer') });
  expect(await embeddingPoints(model)).toBeNull();
});
