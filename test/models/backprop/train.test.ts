/** Training on gradients made by hand: the steps that autograd makes, a loss that falls, and what follows a training. */
import { expect, test } from 'vitest';
import { TorchGenerator } from '../../../core/random/torch.ts';
import { autograd } from '../../../models/backprop/autograd.ts';
import { drawBatch, splitNames } from '../../../models/backprop/examples.ts';
import { forward, rowsOf } from '../../../models/backprop/forward.ts';
import { calibrate, loss, sampleName } from '../../../models/backprop/inference.ts';
import { add, matmul, view } from '../../../models/backprop/matrix.ts';
import {
  descend,
  firstParameters,
  parameterCount,
  exercise as sizes,
  trained,
} from '../../../models/backprop/parameters.ts';
import { train } from '../../../models/backprop/train.ts';
import { backend, lines } from './setting.ts';

const names = splitNames(lines, 3);
const vocabSize = names.vocabulary.vocabSize;

test('the models have the lecture’s sizes', () => {
  const count = (s: typeof sizes | typeof trained) =>
    parameterCount(firstParameters({ ...s, vocabSize: 27 }, new TorchGenerator(1)));
  expect(count(sizes)).toBe(4137);
  expect(count(trained)).toBe(12_297);
});

test('200 steps by hand are the 200 steps that autograd makes', async () => {
  const byHand: number[] = [];
  const onStep = (_: number, batchLoss: number) => byHand.push(batchLoss);
  const ours = train(names, new TorchGenerator(7), { sizes, steps: 200, dropAt: 100, onStep });

  const generator = new TorchGenerator(7);
  const theirs = firstParameters({ ...sizes, vocabSize }, generator);
  const byAutograd: number[] = [];
  for (let step = 0; step < 200; step++) {
    const { pass, gradients } = await autograd(backend, theirs, drawBatch(names.train, 32, generator));
    descend(theirs, { ...gradients }, step < 100 ? 0.1 : 0.01);
    byAutograd.push(pass.loss);
  }

  expect(byHand).toHaveLength(200);
  for (const [step, wanted] of byAutograd.entries())
    expect(Math.abs(byHand[step] - wanted), `step ${step}`).toBeLessThan(1e-4);
  for (const name of Object.keys(theirs) as (keyof typeof theirs)[])
    for (const [i, wanted] of theirs[name].data.entries())
      expect(Math.abs(ours[name].data[i] - wanted), `${name}[${i}]`).toBeLessThan(1e-4);
  const mean = (losses: readonly number[]) => losses.reduce((a, b) => a + b, 0) / losses.length;
  expect(mean(byHand.slice(-20)), 'it learned').toBeLessThan(mean(byHand.slice(0, 5)) - 0.5);
});

test('statistics are those of the whole training set, and a batch’s own give its loss', () => {
  const parameters = firstParameters({ ...sizes, vocabSize }, new TorchGenerator(3));
  const few = { ...names.train, x: names.train.x.subarray(0, 15_000), y: names.train.y.subarray(0, 5000), count: 5000 };
  const { mean, variance } = calibrate(parameters, few);
  const embcat = view(rowsOf(parameters.C, few.x), 5000, 30);
  const column = add(matmul(embcat, parameters.W1), parameters.b1).data.filter((_, i) => i % 64 === 9);
  const expectedMean = column.reduce((a, b) => a + b, 0) / 5000;
  expect(mean.data[9]).toBeCloseTo(expectedMean, 5);
  expect(variance.data[9]).toBeCloseTo(column.reduce((s, v) => s + (v - expectedMean) ** 2, 0) / 4999, 5);
  // Calibrated on a set, the loss on it is that of the forward pass with all of it as one batch.
  expect(loss(parameters, { mean, variance }, few)).toBeCloseTo(forward(parameters, few).loss, 5);
});

test('sampled names are of the vocabulary, and the same from the same seed', () => {
  const parameters = train(names, new TorchGenerator(7), { sizes, steps: 300 });
  const statistics = calibrate(parameters, names.train);
  const model = { vocabulary: names.vocabulary, blockSize: 3 };
  const draw = (seed: number) => {
    const generator = new TorchGenerator(seed);
    return Array.from({ length: 10 }, () => sampleName(parameters, statistics, model, generator));
  };
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)).not.toEqual(draw(6));
  expect(draw(5).every((name) => /^[a-z]*$/.test(name))).toBe(true);
});
