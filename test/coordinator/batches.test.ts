/** The cutting of a step's batch, and of an evaluation's split, into leases. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Batches } from '../../coordinator/batches.ts';
import { counterSampler } from '../../coordinator/draws.ts';
import type { Round } from '../../coordinator/machine/machine.ts';
import { contexts } from '../../core/data/contexts.ts';
import { contextDataset } from '../../core/data/dataset.ts';
import { batchIndices } from '../../core/data/sampler.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import { Windows } from '../../core/data/windows.ts';
import { presetRecipe } from '../../models/presets.ts';
import type { Recipe } from '../../models/recipe.ts';

const vocabulary = new Vocabulary('abcdefghijklmnopqrstuvwxyz');
const lines = Array.from({ length: 300 }, (_, i) => 'abcdefghij'.slice(i % 7, 8 + (i % 3)));
const train = contexts(lines, vocabulary, 3);
const val = contexts(lines.slice(0, 90), vocabulary, 3);
const splits = { train: contextDataset(train), val: contextDataset(val) };

const batchesOf = (recipe: Recipe, of: ConstructorParameters<typeof Batches>[1]) =>
  new Batches(recipe, of, counterSampler(recipe));

test('the leases of a step are its sampled batch, whatever the blocks', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 64 }),
      fc.nat(3),
      (batch, microBatch, power) => {
        const recipe = { ...presetRecipe('names-mlp'), batch, microBatch };
        const batches = batchesOf(recipe, splits);
        const round: Round = { id: 9, mode: 'train', step: 4, microBatches: batches.microBatches };
        const size = 2 ** power;
        const indices = batchIndices(recipe.seed, 4, batch, train.count);
        const targets: number[] = [];
        const counts: number[] = [];
        for (let lo = 0; lo < round.microBatches; lo += size) {
          const work = batches.work(round, { lo, size });
          expect(work.x.length).toBe(3 * work.y.length);
          targets.push(...work.y);
          counts.push(...work.counts);
        }
        expect(targets).toEqual(Array.from(indices, (i) => train.y[i]));
        // Whole micro-batches but for the last.
        expect(counts.slice(0, -1).every((count) => count === microBatch)).toBe(true);
        expect(counts.reduce((a, b) => a + b, 0)).toBe(batch);
      },
    ),
  );
});

test('the leases of an evaluation are the split, from its first example to its last', () => {
  const batches = batchesOf(presetRecipe('names-mlp'), splits);
  const round: Round = { id: 1, mode: 'eval', split: 'val', step: 0, microBatches: batches.evalMicroBatches.val };
  const parts = Array.from({ length: round.microBatches }, (_, lo) => batches.work(round, { lo, size: 1 }));
  expect(parts.flatMap(({ x }) => [...x])).toEqual([...val.x]);
  expect(parts.flatMap(({ y }) => [...y])).toEqual([...val.y]);
});

test('a line is one target: an evaluation of lines is cut every 256 examples', () => {
  const batches = batchesOf(presetRecipe('names-mlp'), splits);
  const round: Round = { id: 1, mode: 'eval', split: 'val', step: 0, microBatches: batches.evalMicroBatches.val };
  expect(batches.work(round, { lo: 0, size: 4 }).counts).toEqual([256, 256, val.count - 512]);
  expect(batches.counts(round, { lo: 0, size: 4 })).toEqual([256, 256, val.count - 512]);
});

test('windows of text: leases count windows, their results count tokens', () => {
  const text = { train: new Windows(new Uint16Array(5000), 32), val: new Windows(new Uint16Array(1700), 32) };
  const batches = batchesOf({ ...presetRecipe('text-gpt'), batch: 11, microBatch: 4 }, text);
  const step: Round = { id: 0, mode: 'train', step: 0, microBatches: batches.microBatches };
  const { x, y, counts } = batches.work(step, { lo: 2, size: 1 });
  expect([counts, batches.counts(step, { lo: 2, size: 1 }), x.length, y.length]).toEqual([[3], [96], 96, 96]);
  // 53 windows, at most 1024 tokens at a time.
  const round: Round = { id: 1, mode: 'eval', split: 'val', step: 0, microBatches: batches.evalMicroBatches.val };
  expect(batches.work(round, { lo: 0, size: 2 }).counts).toEqual([32, 21]);
  expect(batches.counts(round, { lo: 0, size: 2 })).toEqual([1024, 21 * 32]);
  // A window that is wider than that goes alone.
  const wide = new Windows(new Uint16Array(5000), 2000);
  expect(batchesOf(presetRecipe('text-gpt'), { train: wide, val: wide }).evalMicroBatches.val).toBe(2);
});
