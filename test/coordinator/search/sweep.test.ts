/** A sweep's grid and its table, without a run. */
import { describe, expect, test } from 'vitest';
import { combinations, parseSweep } from '../../../coordinator/search/grid.ts';
import { markdownTable, type RunOutcome, ranked, spread, sweepRow } from '../../../coordinator/search/table.ts';
import { UserError } from '../../../core/errors.ts';

describe('the file', () => {
  test('may be as short as its base', () => {
    expect(parseSweep({ base: 'names-mlp' }, 'a.yaml')).toEqual({ base: 'names-mlp', set: {}, grid: {} });
  });

  test.each([
    ['nothing', null, /a\.yaml is no sweep .*see docs\/experiments\.md/],
    ['no base', { grid: {} }, /base/],
    ['a field that there is not', { base: 'x', gird: {} }, /gird/],
    ['a grid that is no list', { base: 'x', grid: { 'schedule.lr': 0.1 } }, /grid\.schedule\.lr/],
    ['an empty list', { base: 'x', grid: { 'schedule.lr': [] } }, /grid\.schedule\.lr/],
    ['a grid without fields', { base: 'x', grid: [0.1] }, /grid: must be a field and its values/],
    ['seeds that are no numbers', { base: 'x', seeds: ['one'] }, /seeds\.0/],
    ['the seed in the grid', { base: 'x', grid: { seed: [1, 2] } }, /list the seeds under "seeds"/],
    ['the data among the fields', { base: 'x', set: { data: 'names' } }, /under "data"/],
    ['steps among the fields', { base: 'x', set: { steps: 5 } }, /"steps" under "set"/],
    ['a field twice', { base: 'x', set: { batch: 1 }, grid: { batch: [2] } }, /gives "batch" twice/],
    ['steps twice', { base: 'x', steps: 1, grid: { steps: [2] } }, /gives "steps" twice/],
    ['a value twice', { base: 'x', grid: { batch: [2, 2] } }, /lists 2 twice at grid\.batch/],
    ['a seed twice', { base: 'x', seeds: [1, 1] }, /the seed 1 twice/],
  ])('%s is refused in a sentence', (_, value, what) => {
    expect(() => parseSweep(value, 'a.yaml')).toThrow(UserError);
    expect(() => parseSweep(value, 'a.yaml')).toThrow(what);
  });
});

describe('combinations', () => {
  const labels = (grid: Record<string, unknown[]>) => combinations(grid).map(({ label }) => label);

  test('are all there are, the last field changing fastest', () => {
    expect(combinations({ 'schedule.lr': [0.1, 0.2], 'model.hidden': [16, 32] })).toEqual([
      { label: 'lr=0.1,hidden=16', values: { 'schedule.lr': 0.1, 'model.hidden': 16 } },
      { label: 'lr=0.1,hidden=32', values: { 'schedule.lr': 0.1, 'model.hidden': 32 } },
      { label: 'lr=0.2,hidden=16', values: { 'schedule.lr': 0.2, 'model.hidden': 16 } },
      { label: 'lr=0.2,hidden=32', values: { 'schedule.lr': 0.2, 'model.hidden': 32 } },
    ]);
  });

  test('without a grid are one', () => {
    expect(combinations({})).toEqual([{ label: 'base', values: {} }]);
  });

  test('have the whole path where two fields end alike', () => {
    expect(labels({ 'model.name': ['mlp'], 'optimizer.name': ['sgd'] })).toEqual(['model.name=mlp,optimizer.name=sgd']);
  });

  test('are called as a folder may be, each otherwise', () => {
    const values = [{ name: 'constant', lr: 0.1 }, { name: 'constant', lr: 0.2 }, '../../etc', null, 'x'.repeat(300)];
    const all = labels({ schedule: values });
    expect(new Set(all).size).toBe(values.length);
    for (const label of all) expect(label).toMatch(/^schedule=[\w.=,+-]{1,70}$/);
    expect(all[3]).toBe('schedule=null');
    // The others need not be there.
    expect(labels({ schedule: values.slice(1) })).toEqual(all.slice(1));
  });
});

describe('the table', () => {
  const run = (seed: number, valLoss: number | null): RunOutcome => ({
    seed,
    dir: `x-seed${seed}`,
    result: valLoss === null ? null : { trainLoss: valLoss - 0.5, valLoss, seconds: seed, paramsSha256: '' },
  });
  const combination = (hidden: number) => ({ label: `hidden=${hidden}`, values: { 'model.hidden': hidden } });

  test('mean and standard deviation, over n − 1', () => {
    expect(spread([])).toBeNull();
    expect(spread([2])).toEqual({ mean: 2, deviation: null });
    expect(spread([1, 2, 3, 4])?.mean).toBe(2.5);
    expect(spread([1, 2, 3, 4])?.deviation).toBeCloseTo(1.2909944487, 9);
  });

  test('is sorted by validation, and what diverged comes last', () => {
    const rows = [
      sweepRow(combination(1), [run(1, null), run(2, null)]),
      sweepRow(combination(2), [run(1, 2.5), run(2, 2.7)]),
      sweepRow(combination(3), [run(1, 1), run(2, null)]),
      sweepRow(combination(4), [run(1, 2.25)]),
    ];
    const table = ranked(rows);
    expect(table.map(({ label }) => label)).toEqual(['hidden=4', 'hidden=2', 'hidden=3', 'hidden=1']);
    expect(table.map(({ diverged }) => diverged)).toEqual([0, 0, 1, 2]);
    expect(markdownTable(table)).toEqual([
      '| model.hidden | runs          | train loss      | validation loss | seconds |',
      '| ------------ | ------------- | --------------- | --------------- | ------- |',
      '| 4            | 1             | 1.7500          | 2.2500          | 1.0     |',
      '| 2            | 2             | 2.1000 ± 0.1414 | 2.6000 ± 0.1414 | 1.5     |',
      '| 3            | 2, 1 diverged | 0.5000          | 1.0000          | 1.0     |',
      '| 1            | 2, 2 diverged | -               | -               | -       |',
    ]);
  });
});
