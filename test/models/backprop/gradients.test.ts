/** Every gradient by hand against autograd's, the short formulas, and that a wrong one is found. */
import { expect, test } from 'vitest';
import { compareAll, compareBatchNorm, compareCrossEntropy, rowSum } from '../../../models/backprop/exercise.ts';
import { forward } from '../../../models/backprop/forward.ts';
import { fusedBackward } from '../../../models/backprop/fused.ts';
import { manual } from '../../../models/backprop/manual.ts';
import { sumCols } from '../../../models/backprop/matrix.ts';
import { exercise } from './setting.ts';

const { parameters, batch, pass, autograd } = exercise;

test('the forward pass is the graph’s, number by number', () => {
  const { loss, ...ours } = forward(parameters, batch);
  const { loss: theirLoss, ...theirs } = pass;
  expect(loss).toBeCloseTo(theirLoss, 6);
  expect(Object.keys(ours)).toEqual(Object.keys(theirs));
  for (const name of Object.keys(theirs) as (keyof typeof theirs)[])
    for (const [i, wanted] of theirs[name].data.entries())
      expect(Math.abs(ours[name].data[i] - wanted), `${name}[${i}]`).toBeLessThan(1e-5);
});

const comparisons = compareAll(exercise);

test('there is a gradient for every parameter and intermediate', () => {
  expect(comparisons.map(({ name }) => name).sort()).toEqual(Object.keys(autograd).sort());
  expect(comparisons).toHaveLength(26);
});

test.each(comparisons)('d$name by hand is autograd’s', ({ name, approximate, maxdiff }) => {
  expect(approximate).toBe(true);
  expect(maxdiff).toBeLessThan(1e-7);
  // Of the right size, not merely small as the gradients themselves; b1's is 0, and logitMaxes' too.
  const largest = autograd[name as keyof typeof autograd].data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  if (name !== 'b1' && name !== 'logitMaxes') expect(maxdiff).toBeLessThan(1e-5 * largest);
});

test('those nearest to the loss are the same bits', () => {
  for (const name of ['logprobs', 'probs'])
    expect(comparisons.find((c) => c.name === name)).toMatchObject({ exact: true, maxdiff: 0 });
});

test('cross-entropy at once: within 1e-8, and each row of it sums to 0', () => {
  const { maxdiff, approximate } = compareCrossEntropy(exercise);
  expect(approximate).toBe(true);
  expect(maxdiff).toBeLessThan(1e-8);
  expect(rowSum(exercise)).toBeLessThan(1e-8);
  const rows = sumCols(autograd.logits).data;
  expect(rows.every((sum) => Math.abs(sum) < 5e-8)).toBe(true);
});

test('batch norm at once: within 5e-9', () => {
  const { maxdiff, approximate } = compareBatchNorm(exercise);
  expect(approximate).toBe(true);
  expect(maxdiff).toBeLessThan(5e-9);
});

test('the backward pass of training has the gradients of the one step by step', () => {
  const step = manual(parameters, batch, pass);
  const fused = fusedBackward(parameters, batch, pass);
  for (const name of Object.keys(fused) as (keyof typeof fused)[])
    for (const [i, wanted] of step[name].data.entries())
      expect(Math.abs(fused[name].data[i] - wanted), `${name}[${i}]`).toBeLessThan(1e-7);
});

test('with a branch of counts missing, cmp fails there and behind, and nowhere before', () => {
  const wrong = compareAll(exercise, { missingBranch: true });
  const right = wrong.filter(({ approximate }) => approximate).map(({ name }) => name);
  expect(right).toEqual(['logprobs', 'probs', 'countsSumInv', 'countsSum', 'b1']);
  expect(wrong.find(({ name }) => name === 'counts')?.maxdiff).toBeGreaterThan(1e-3);
});
