/** A short soak, with all kinds of faults but the slow one. `npm run soak` is the long one. */
import { existsSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { scratch } from '../support/cli.ts';
import { reportLines } from './report.ts';
import { soak } from './soak.ts';

const SEED = Number(process.env.MANYGRAD_SEED ?? Date.now() % 1_000_000);

const { dir, remove } = scratch();
afterAll(remove);

// It reads /proc.
test.skipIf(!existsSync('/proc/self/status'))(
  `seed ${SEED}: a run whose processes are killed, frozen and resumed ends with the same bits`,
  async () => {
    const report = await soak({
      ...{ seed: SEED, seconds: 14, workers: 4, coordinatorKills: 1, gap: [1, 2], dir },
      onProgress: () => undefined,
      signal: new AbortController().signal,
    });
    expect(report.failures, [...reportLines(report)].join('\n')).toEqual([]);
  },
  600_000,
);
