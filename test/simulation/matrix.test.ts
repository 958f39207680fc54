/**
 * Every fault at every moment of a run: whoever dies, stalls or is cut off, and wherever in the protocol, the run ends with the bits of an
 * undisturbed one and with each micro-batch of each step in its ledger once. Each test sees its fault change something.
 */
import { describe, expect, test } from 'vitest';
import { PLAIN } from '../../coordinator/options.ts';
import { FAULT_NAMES, type FaultName } from '../../simulation/faults.ts';
import { check, MOMENTS, RECIPES, type Schedule } from '../../simulation/schedule.ts';

/**
 * Workers, one of them slow and far away, the last so late that there are checkpoints to go back to when it comes; files,
 * evaluations and checkpoints, so that every moment comes.
 */
function schedule(faults: Schedule['faults'], threads = 0): Schedule {
  const [recipe] = RECIPES;
  if (recipe === undefined) throw new Error('no recipe');
  const shape = { upMbit: 10, downMbit: 100, latencyMs: 20, jitterMs: 10 };
  return {
    seed: 11,
    recipe,
    run: { ...PLAIN, checkpointEvery: 2, keepCheckpoints: 2, evalEvery: 3 },
    workers: [
      { name: 'quick', shape, threads: 2, msPerMicroBatch: 30, spread: 0.3 },
      {
        name: 'slow',
        shape: { ...shape, latencyMs: 150, jitterMs: 100 },
        threads: 1,
        msPerMicroBatch: 120,
        spread: 0.3,
      },
      { name: 'late', shape, threads: 1, msPerMicroBatch: 40, spread: 0.3, comesAt: 1 },
      { name: 'last', shape, threads: 1, msPerMicroBatch: 40, spread: 0.3, comesAt: 4 },
    ],
    threads,
    msPerMicroBatch: 50,
    diskMs: 2,
    faults,
  };
}

/** What happens once in a run. */
const ONCE = /(config|summary)$/;

/** While its configuration is written there is no run yet, and while its summary is it has ended: these have nothing to strike then. */
const HAS_NOTHING_TO_STRIKE: Partial<Record<FaultName, RegExp>> = {
  paused: ONCE,
  'coordinator stopped and resumed': ONCE,
  'newest checkpoint damaged': /config$/,
};

describe.each(MOMENTS)('%s:', (at) => {
  test.each(FAULT_NAMES)('%s', async (fault) => {
    const threads = at === 'coordinator computing' ? 1 : 0;
    const { fired } = await check(schedule([{ fault, at, nth: ONCE.test(at) ? 1 : 2 }], threads));
    expect(fired).toEqual(HAS_NOTHING_TO_STRIKE[fault]?.test(at) ? [] : [fault]);
  });
});

test('undisturbed, the same bits come of a coordinator alone and of workers alone', async () => {
  const { fired, lives } = await check(schedule([]));
  expect({ fired, lives }).toEqual({ fired: [], lives: 1 });
});
