/** What is measured is what it is said to be: models of PyTorch's sizes, and steps that train them. */
import { describe, expect, test } from 'vitest';
import { measureThreads } from '../../bench/dataParallel.ts';
import { timeSteps } from '../../bench/timing.ts';
import { TrainingStep } from '../../bench/trainingStep.ts';
import { randomBatch, WORKLOAD_NAMES, type WorkloadName, workloads } from '../../bench/workloads.ts';
import { parameterLayout } from '../../core/nn/index.ts';
import { buildModel } from '../../models/model.ts';

const parameters: Record<WorkloadName, number> = {
  mlp: 12_097,
  wavenet: 76_579,
  'gpt-nano': 206_272,
  'gpt-micro': 809_856,
  'gpt-mini': 10_770_816,
  'gpt2-124m': 124_475_904,
};

test.each(WORKLOAD_NAMES)('%s has as many parameters as in PyTorch', (name) => {
  expect(parameterLayout(buildModel(workloads[name].model)).length).toBe(parameters[name]);
});

test('batches are random tokens of the vocabulary, the same every time', () => {
  const [first, again, other] = [0, 0, 1].map((index) => randomBatch(workloads['gpt-nano'], index));
  expect(first).toEqual(again);
  expect(first?.x).not.toEqual(other?.x);
  expect(first?.x).not.toEqual(first?.y);
  expect(first?.x).toHaveLength(16 * 32);
  expect(Math.max(...(first?.x ?? []))).toBe(64);
});

describe('a training step', () => {
  test.each(['mlp', 'wavenet', 'gpt-nano'] as const)('of %s learns', async (name) => {
    const workload = workloads[name];
    const training = await TrainingStep.create(workload);
    expect(training.parameterCount).toBe(parameters[name]);
    const { x, y } = randomBatch(workload, 0);
    const losses = Array.from({ length: 5 }, () => training.run(x, y));
    expect(losses[0]).toBeCloseTo(Math.log(workload.model.vocabSize), 0);
    for (const [i, loss] of losses.slice(1).entries()) expect(loss).toBeLessThan(losses[i] as number);
  });

  test('that does not learn is not measured', async () => {
    await expect(timeSteps(workloads.mlp, () => 3, 1)).rejects.toThrow('does not learn');
  });
});

test.each(['mlp', 'gpt-nano'] as const)('a run of %s on two threads is measured', async (name) => {
  const figures = await measureThreads(name, 2, 3);
  expect(figures).toMatchObject({ workload: name, threads: 2, microBatch: workloads[name].batch / 2 });
  expect(figures.timesFaster).toBeGreaterThan(0);
});
