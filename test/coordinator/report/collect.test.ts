/** What a report reads out of a run's folder: long logs, torn lines, and parts that are not there. */
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Buckets, MAX_BUCKETS, Thinned } from '../../../coordinator/report/buckets.ts';
import { collect } from '../../../coordinator/report/collect.ts';
import type { Part } from '../../../coordinator/report/report.ts';
import { Cli, endAll, scratch } from '../../support/cli.ts';
import { pretendDiagnostics } from '../../support/diagnostics.ts';

const { dir, remove } = scratch();
const run = join(dir, 'run');
const STEPS = 60;

beforeAll(async () => {
  const words = join(dir, 'words.txt');
  writeFileSync(
    words,
    ['emma', 'olivia', 'ava', 'mia', 'zoe', 'liam', 'noah', 'ian', 'eva', 'leo', 'lea', 'max'].join('\n'),
  );
  const trained = new Cli([
    ...['train', 'names-mlp', '--data', words, '--steps', String(STEPS), '--threads', '1', '--out', run, '--quiet'],
    ...['--set', 'model.embeddingDim=2', '--set', 'model.hidden=8'],
  ]);
  expect((await trained.exited).code).toBe(0);
}, 60_000);

afterAll(async () => {
  await endAll();
  remove();
});

/** A copy of the run that a test may break. */
function copy(name: string): string {
  const to = join(dir, name);
  cpSync(run, to, { recursive: true });
  return to;
}

function found<T>(part: Part<T> | null): T {
  if (part === null || 'absent' in part) throw new Error(`absent: ${part?.absent}`);
  return part.found;
}

test('long curves become few buckets, which keep the mean, the least and the most', () => {
  const buckets = new Buckets(1, 4);
  for (let step = 1; step <= 10; step++) buckets.push(step, [step === 5 ? undefined : step]);
  expect(buckets.steps).toEqual([4, 8, 10]);
  expect(buckets.curve(0)).toEqual({
    mean: [2.5, 7, 9.5],
    spread: { min: [1, 6, 9], max: [4, 8, 10] },
  });
  const long = new Buckets(1);
  for (let step = 1; step <= 100_000; step++) long.push(step, [step === 77_777 ? -5 : 1]);
  expect(long.steps.length).toBeLessThanOrEqual(MAX_BUCKETS);
  expect(Math.min(...(long.curve(0).spread?.min ?? []).map(Number))).toBe(-5);
  expect(long.steps.at(-1)).toBe(100_000);
});

test('what is thinned keeps its first, its last and an even pace', () => {
  const some = new Thinned<number>(4);
  for (let i = 0; i < 11; i++) some.push(i);
  expect(some.items).toEqual([0, 4, 8, 10]);
});

test('a run without diagnostics is told as it is, with a sentence for what is not there', async () => {
  const report = await collect(run, false);
  expect(report.course.step).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  expect(report.course.loss.spread).toBeNull();
  expect(report.evaluations.filter(({ split }) => split === 'val').length).toBeGreaterThan(0);
  expect(report.summary).toMatchObject({ steps: { made: STEPS, goal: STEPS }, workers: ['local'] });
  expect(report.summary.paramsSha256).toMatch(/^[0-9a-f]{64}$/);
  for (const part of [report.measured, report.samples])
    expect('absent' in part ? part.absent : '').toContain('--diagnostics every=100');
  const { points, explained, dim } = found(report.embedding);
  expect([dim, explained, points.length]).toEqual([2, null, report.summary.vocabSize]);
  expect([report.attention, report.bigrams]).toEqual([null, null]);
});

test('diagnostics are thinned, and their last step is kept', async () => {
  const to = copy('measured');
  await pretendDiagnostics(to, 400, 4);
  const report = await collect(to, false);
  const { snapshots, updates } = found(report.measured);
  expect(snapshots.length).toBeLessThanOrEqual(17);
  expect(snapshots.at(-1)?.step).toBe(400);
  expect(updates.step.length).toBe(100);
  // Biases have no spread to compare with, and are no lines of the figure.
  expect(updates.lines.every(({ name }) => name.endsWith('weight'))).toBe(true);
  expect(found(report.samples).at(-1)?.step).toBe(400);
});

test('a last line cut short is passed over', async () => {
  const to = copy('torn');
  await pretendDiagnostics(to, 40, 4);
  for (const file of ['log.jsonl', 'diagnostics.jsonl', 'samples.jsonl'])
    appendFileSync(join(to, file), readFileSync(join(to, file), 'utf8').slice(0, 17));
  const report = await collect(to, false);
  expect(report.course.step.length).toBe(STEPS);
  expect(found(report.measured).snapshots.at(-1)?.step).toBe(40);
  expect(found(report.samples).at(-1)?.step).toBe(40);
});

test('a run cut off before its end has no summary and no checkpoint, and still a report', async () => {
  const to = copy('cut');
  rmSync(join(to, 'summary.json'));
  rmSync(join(to, `checkpoint-${STEPS}.safetensors`));
  const report = await collect(to, false);
  expect(report.summary).toMatchObject({ steps: { made: STEPS }, parameters: null, workers: null });
  expect(report.summary.valLoss).toBeGreaterThan(0);
  expect(report.embedding).toEqual({ absent: expect.stringContaining('has no checkpoint') });
});

test('a folder without a run, or without a step, is refused in a sentence', async () => {
  const empty = join(dir, 'empty');
  mkdirSync(empty);
  await expect(collect(empty, false)).rejects.toThrow('holds no run');
  const to = copy('unborn');
  writeFileSync(join(to, 'log.jsonl'), '{"step":1,"lo');
  await expect(collect(to, false)).rejects.toThrow(`${to} has logged no step yet`);
});
