/** What is counted of events that a whole run has few of, and how it is written down. */
import { expect, test } from 'vitest';
import { RunCounts } from '../../../coordinator/live/counts.ts';
import { openMetrics } from '../../../coordinator/live/metrics.ts';
import type { WorkerChange } from '../../../coordinator/observer.ts';
import { samples } from '../../support/scrape.ts';

let now = 0;
const counts = new RunCounts(40, { now: () => now, after: () => () => {}, every: () => () => {} });
const write = openMetrics({ counts, run: 'r', model: 'm', steps: 50, traffic: () => ({ sent: 3, received: 5 }) });
const scrape = async () => samples(await write());
const block = (lo: number) => ({ lo, size: 1 });
const round = { id: 7, step: 40, microBatches: 8, mode: 'train' } as const;

test('before anything has happened, what is not known is not a number', async () => {
  const first = await scrape();
  expect(first.get('manygrad_step')).toBe(40);
  for (const name of ['loss', 'last_step_age_seconds', 'checkpoint_age_seconds'])
    expect(first.get(`manygrad_${name}`), name).toBeNaN();
});

test('doubted answers are no late ones; leases that are overdue are so until they are answered, or their worker goes', async () => {
  const worker = { id: 1, kind: 'remote', slots: 4, name: 'w#1', reason: '' } as WorkerChange;
  counts.onWorker({ ...worker, joined: true });
  for (let lease = 0; lease < 4; lease++) counts.onAssign(1);
  for (const lo of [1, 2, 3]) counts.onOverdue(1, round, block(lo));
  counts.onDoubt();
  counts.onResult(1, 7, block(0), false);
  counts.onResult(1, 7, block(1), false);
  counts.onChecked(1, block(0), true);
  const during = await scrape();
  expect(during.get('manygrad_results_total{outcome="doubted"}')).toBe(1);
  expect(during.get('manygrad_results_total{outcome="late"}')).toBe(1);
  expect(during.get('manygrad_checks_total{outcome="agreed"}')).toBe(1);
  expect(during.get('manygrad_leases_outstanding')).toBe(2);
  expect(during.get('manygrad_leases_overdue')).toBe(2);
  // What it gives back and never held is no lease less.
  for (let i = 0; i < 3; i++) counts.onResult(1, 6, block(9), false);
  expect((await scrape()).get('manygrad_leases_outstanding')).toBe(0);
  counts.onWorker({ ...worker, joined: false });
  const after = await scrape();
  expect(after.get('manygrad_leases_outstanding')).toBe(0);
  expect(after.get('manygrad_leases_overdue')).toBe(0);
  expect(after.get('manygrad_leases_overdue_total')).toBe(3);
});

test('durations fall into buckets that add up; a rollback takes back the step, and what was of later ones', async () => {
  const made = { loss: 1, lr: 1, gradNorm: 1, count: 32, workers: 1, threads: 1, tokensPerSecond: 1 };
  for (const [i, seconds] of [0.0001, 0.001, 0.0011, 700].entries()) counts.onStep({ ...made, step: 41 + i, seconds });
  counts.onEvaluation({ step: 42, split: 'train', loss: 3 });
  counts.onEvaluation({ step: 44, split: 'val', loss: 2 });
  counts.onCheckpoint(44, 0.25);
  now += 5000;
  const made4 = await scrape();
  const bucket = (le: string) => made4.get(`manygrad_step_duration_seconds_bucket{le="${le}"}`);
  expect(['0.00025', '0.001', '0.0025', '600', '+Inf'].map(bucket)).toEqual([1, 2, 3, 3, 4]);
  expect(made4.get('manygrad_step_duration_seconds_sum')).toBeCloseTo(700.0022);
  expect(made4.get('manygrad_tokens_total')).toBe(128);
  expect(made4.get('manygrad_checkpoint_age_seconds')).toBe(5);
  expect(made4.get('manygrad_checkpoint_step')).toBe(44);
  expect(made4.get('manygrad_loss')).toBe(1);
  expect(made4.get('manygrad_evaluation_loss{split="val"}')).toBe(2);
  counts.onRollback(44, 42);
  counts.onDisk('there is no room');
  const back = await scrape();
  expect(back.get('manygrad_step')).toBe(42);
  for (const name of ['loss', 'learning_rate', 'gradient_norm']) expect(back.get(`manygrad_${name}`), name).toBeNaN();
  expect(back.get('manygrad_evaluation_loss{split="val"}')).toBeUndefined();
  expect(back.get('manygrad_evaluation_loss{split="train"}')).toBe(3);
  expect(back.get('manygrad_checkpoint_step')).toBe(42);
  expect(back.get('manygrad_steps_total')).toBe(4);
  expect(back.get('manygrad_rollbacks_total')).toBe(1);
  expect(back.get('manygrad_disk_stuck')).toBe(1);
  counts.onRollback(42, 0);
  expect((await scrape()).get('manygrad_checkpoint_step')).toBeNaN();
});
