/** A soak is judged by what it has found: each thing that can be wrong is said, and nothing else is. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Life } from './coordinator.ts';
import { KINDS, type Kind, planFaults } from './faults.ts';
import { type Found, reportLines, reportOf } from './report.ts';
import { type Series, trendOf } from './watch.ts';
import { PATIENCE_MS, Watchdog } from './watchdog.ts';

const TEN_MINUTES = { seed: 1, seconds: 600, coordinatorKills: 3, gap: [2, 6] } as const;
const kinds = Object.keys(KINDS) as Kind[];

/** So many looks at a process whose memory goes up and down by 20 MB, and grows by some MB a look. */
function breathing(looks: number, grows = 0): Series {
  const rss = Array.from({ length: looks }, (_, i) => 200 + 20 * Math.sin(i) + grows * i);
  return { rss, fds: rss.map(() => 28), seconds: looks };
}

describe('the plan', () => {
  test('is the seed’s', () => {
    expect(planFaults(TEN_MINUTES)).toEqual(planFaults(TEN_MINUTES));
    expect(planFaults({ ...TEN_MINUTES, seed: 2 })).not.toEqual(planFaults(TEN_MINUTES));
  });

  test.each([1, 2, 3, 4, 5])(
    'of ten minutes has every kind of fault, and leaves time for the slow ones, seed %i',
    (seed) => {
      const plan = planFaults({ ...TEN_MINUTES, seed });
      expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(kinds));
      const at = (kind: Kind) => plan.filter((f) => f.kind === kind).map((f) => f.at);
      expect(at('coordinator')).toHaveLength(3);
      const kills = [...at('coordinator'), 600];
      for (const lost of at('lost')) expect(kills.some((kill) => kill > lost && kill < lost + 45)).toBe(false);
      expect(plan.map((f) => f.at)).toEqual(plan.map((f) => f.at).toSorted((a, b) => a - b));
    },
  );

  test('needs time for one of each', () => {
    expect(() => planFaults({ ...TEN_MINUTES, seconds: 10 })).toThrow(/no time for every kind of fault/);
  });
});

describe('a trend', () => {
  const allowance = { absolute: 16, relative: 0.1 };
  const isFlat = (series: Series) => trendOf(series.rss, allowance).isFlat;

  test('is flat though memory goes up and down, and not flat when it grows', () => {
    expect(isFlat(breathing(150))).toBe(true);
    expect(isFlat(breathing(150, 0.1))).toBe(true);
    expect(isFlat(breathing(150, 0.8))).toBe(false);
  });

  test('leaves out the youth of a process', () => {
    const young = breathing(150).rss.map((mb, i) => (i < 30 ? mb / 2 : mb));
    expect(trendOf(young, allowance)).toMatchObject({ isFlat: true, looks: 150 });
  });

  test('is not judged by a few looks', () => {
    expect(isFlat(breathing(20, 10))).toBe(null);
  });
});

describe('the report', () => {
  const end = { paramsSha256: 'a', buffersSha256: 'b', trainLoss: 2, valLoss: 2.1 };
  const life = (watch: Series): Life => ({ from: 0, step: 900, checkpoint: 900, repeated: 0, watch }) as Life;
  const found: Found = {
    seed: 1,
    seconds: 100,
    steps: 900,
    planned: kinds,
    fired: { kill: 1, pair: 1, holding: 1, leave: 1, freeze: 1, lost: 1, coordinator: 1 },
    lives: [life(breathing(100)), life(breathing(100))],
    steady: breathing(200),
    joined: 10,
    worked: 9,
    soaked: end,
    undisturbed: end,
    ledgerFault: null,
    leftBehind: 0,
    complaints: [],
  };

  test('has nothing to say where all holds', () => {
    const report = reportOf(found);
    expect(report.failures).toEqual([]);
    expect([...reportLines(report)].at(-1)).toBe('All of it holds.');
  });

  test('does not ask for a fault that was not planned', () => {
    const fired = { ...found.fired, lost: 0 };
    expect(reportOf({ ...found, fired, planned: kinds.filter((kind) => kind !== 'lost') }).failures).toEqual([]);
  });

  const files = (series: Series): Series => ({ ...series, fds: series.fds.map((n, i) => n + i / 20) });
  const spoiled: [what: string, change: Partial<Found>, said: RegExp][] = [
    ['other parameters', { soaked: { ...end, paramsSha256: 'c' } }, /^paramsSha256 is c, and a undisturbed$/],
    ['other statistics', { soaked: { ...end, buffersSha256: 'c' } }, /^buffersSha256 is c/],
    ['another loss', { undisturbed: { ...end, valLoss: 3 } }, /^valLoss is 2.1, and 3/],
    ['a ledger with a gap', { ledgerFault: 'step 3' }, /^the ledger is not exact: step 3$/],
    ...kinds.map((kind): (typeof spoiled)[number] => [
      `no ${kind}`,
      { fired: { ...found.fired, [kind]: 0 } },
      new RegExp(`^no ${KINDS[kind]}$`),
    ]),
    ['idle workers', { worked: 0 }, /^of 10 who joined later nobody had work accepted$/],
    ['a leak in the coordinator', { lives: [life(breathing(100, 1.5))] }, /^the memory of coordinator 1 grows: MB/],
    ['a leak in a worker', { steady: breathing(200, 1) }, /^the memory of the worker that is never touched grows/],
    ['files left open', { steady: files(breathing(200)) }, /^the open files of the worker that is never touched grow/],
    [
      'a process that was not watched',
      { steady: { rss: [], fds: [], seconds: 200 } },
      /was looked at 0 times in 200 s/,
    ],
    ['a process left', { leftBehind: 1 }, /^1 processes are left behind$/],
    ['a complaint', { complaints: ['w3 said: a warning'] }, /^w3 said: a warning$/],
  ];
  test.each(spoiled)('says of %s', (_, change, said) => {
    const report = reportOf({ ...found, ...change });
    expect(report.failures).toEqual([expect.stringMatching(said)]);
    expect([...reportLines(report)].at(-1)).toBe(`FAILS: ${report.failures[0]}`);
  });
});

describe('the watchdog', () => {
  afterEach(() => void vi.useRealTimers());

  test('bites when it has not been patted for a minute', async () => {
    vi.useFakeTimers();
    const watchdog = new Watchdog();
    let bitten = false;
    watchdog.bites.catch(() => {
      bitten = true;
    });
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    watchdog.pat();
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect(bitten).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(bitten).toBe(true);
  });
});
