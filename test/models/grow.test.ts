/** Growing a vocabulary: what was stays bit for bit, what is new is drawn as the model draws it; and what is new can be trained alone. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CheckpointTensor } from '../../core/checkpoint/store.ts';
import { UserError } from '../../core/errors.ts';
import { initialise, type Layout, layoutOf, Parameter, parameterLayout, unflatten } from '../../core/nn/index.ts';
import { zeros } from '../../core/nn/init.ts';
import { createOptimizer, type OptimizerConfig } from '../../core/optim/optimizer.ts';
import { growTensors, tokenRanges } from '../../models/grow.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { wasm } from '../support/backends.ts';

const SPECS: readonly ModelSpec[] = [
  { name: 'bigram', vocabSize: 5, blockSize: 1 },
  { name: 'mlp', vocabSize: 5, blockSize: 3, embeddingDim: 4, hidden: 6 },
  { name: 'wavenet', vocabSize: 5, blockSize: 4, embeddingDim: 4, hidden: 6 },
  { name: 'gpt', vocabSize: 5, blockSize: 4, layers: 1, heads: 2, embeddingDim: 4, dropout: 0 },
  {
    name: 'gpt-ladder',
    vocabSize: 5,
    blockSize: 4,
    layers: 1,
    heads: 2,
    embeddingDim: 4,
    dropout: 0,
    rung: 'layer-norm',
  },
];

/** A checkpoint of a model in which no two numbers are equal. */
function checkpointOf(spec: ModelSpec): { file: string; tensors: CheckpointTensor[] } {
  const layout = parameterLayout(buildModel(spec));
  const numbered = (from: number, prefix: string) =>
    unflatten(
      layout,
      Float32Array.from({ length: layout.length }, (_, i) => from + i),
      prefix,
    );
  return { file: 'toy', tensors: [...numbered(1, ''), ...numbered(1e5, 'exp_avg/'), ...numbered(2e5, 'exp_avg_sq/')] };
}

/** The element of a tensor at some indices; null where one is out of its shape. */
function at(
  { shape, data }: { shape: readonly number[]; data: Float32Array },
  indices: readonly number[],
): number | null {
  if (indices.some((index, i) => index >= shape[i])) return null;
  return data[indices.reduce((place, index, i) => place * shape[i] + index, 0)];
}

function* indicesOf(shape: readonly number[]): Generator<number[]> {
  const [first, ...rest] = shape;
  if (first === undefined) return yield [];
  for (let i = 0; i < first; i++) for (const indices of indicesOf(rest)) yield [i, ...indices];
}

const SEED = 7;

for (const spec of SPECS)
  test(`${spec.name}: each element is what it was, or new`, () => {
    const before = checkpointOf(spec);
    const grown = growTensors(before, spec, 8, SEED);
    const after = buildModel({ ...spec, vocabSize: 8 });
    const layout = parameterLayout(after);
    const fresh = new Map(unflatten(layout, initialise(after, SEED).params).map((tensor) => [tensor.name, tensor]));
    expect(grown.map(({ name }) => name)).toEqual(before.tensors.map(({ name }) => name));
    let added = 0;
    for (const [i, tensor] of grown.entries()) {
      const first = fresh.get(tensor.name);
      for (const indices of indicesOf(tensor.shape)) {
        const kept = at(before.tensors[i], indices);
        if (kept === null) added++;
        // Moments begin at zero.
        expect(at(tensor, indices)).toBe(kept ?? (first === undefined ? 0 : at(first, indices)));
      }
    }
    expect(added).toBeGreaterThan(0);
    expect(grown.slice(0, layout.entries.length).map(({ shape }) => shape)).toEqual(
      layout.entries.map(({ shape }) => shape),
    );
  });

test('another seed draws other new values, and the same the same', () => {
  const [, spec] = SPECS;
  const draw = (seed: number) => growTensors(checkpointOf(spec), spec, 8, seed).map(({ data }) => [...data]);
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

test('a vocabulary that would not grow, and a checkpoint of another model, are refused', () => {
  const [bigram, mlp] = SPECS;
  const wider: ModelSpec = { name: 'mlp', vocabSize: 5, blockSize: 3, embeddingDim: 4, hidden: 7 };
  expect(() => growTensors(checkpointOf(mlp), mlp, 5, 1)).toThrow(UserError);
  expect(() => growTensors(checkpointOf(bigram), mlp, 8, 1)).toThrow('another model');
  expect(() => growTensors(checkpointOf(mlp), wider, 8, 1)).toThrow('another model');
});

describe('the ranges of new tokens', () => {
  for (const spec of SPECS)
    test(`are what growing makes new (${spec.name})`, () => {
      const large = { ...spec, vocabSize: 8 };
      const layout = parameterLayout(buildModel(large));
      const flat = new Float32Array(layout.length);
      for (const { offset, length } of tokenRanges(large, 5)) flat.fill(1, offset, offset + length);
      const marks = unflatten(layout, flat);
      const small = parameterLayout(buildModel(spec)).entries;
      for (const [i, mark] of marks.entries())
        for (const indices of indicesOf(mark.shape))
          expect(at(mark, indices)).toBe(indices.every((index, d) => index < small[i].shape[d]) ? 0 : 1);
    });

  test('are refused where there are no such tokens', () => {
    expect(() => tokenRanges(SPECS[0], 5)).toThrow(UserError);
  });
});

describe('an optimizer that trains parts', () => {
  const optimizers: readonly OptimizerConfig[] = [
    { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.1 },
    { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0.1 },
    { name: 'adamw', beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1, decay: 'matrices' },
  ];
  const layout: Layout = layoutOf([[7, 3], [11], [5]].map((shape, i) => [`p${i}`, new Parameter(shape, zeros)]));
  const { length } = layout;

  async function stepped(config: OptimizerConfig, trained?: readonly { offset: number; length: number }[]) {
    const mark = wasm.mark();
    const [params, grads] = [wasm.alloc(length), wasm.alloc(length)];
    wasm.write(
      params,
      Float32Array.from({ length }, (_, i) => 1 + i / 7),
    );
    wasm.write(
      grads,
      Float32Array.from({ length }, (_, i) => Math.sin(i)),
    );
    const optimizer = createOptimizer(config, layout, wasm, trained);
    for (let t = 1; t <= 3; t++) optimizer.step(params, grads, 0.1, t);
    const result = Float32Array.from(await wasm.read(params));
    wasm.release(mark);
    return result;
  }

  for (const config of optimizers)
    test(`moves them as one that trains all, and leaves the others alone (${JSON.stringify(config)})`, async () => {
      const all = await stepped(config);
      await fc.assert(
        fc.asyncProperty(fc.array(fc.boolean(), { minLength: length, maxLength: length }), async (isTrained) => {
          const ranges = isTrained.flatMap((trained, offset) => (trained ? [{ offset, length: 1 }] : []));
          for (const [i, value] of (await stepped(config, ranges)).entries())
            if (isTrained[i]) expect(value).toBeCloseTo(all[i], 5);
            else expect(value).toBe(Math.fround(1 + i / 7));
        }),
        { numRuns: 20 },
      );
    });
});
