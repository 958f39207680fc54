/**
 * Random schedules: crowds of workers of all speeds and lines, faults of all kinds at any moment. A failure prints the seed that
 * replays it:  manygrad simulate --schedules 1 --seed N
 *
 * MANYGRAD_SIMULATED asks for more of them, MANYGRAD_SEED for those from a seed on.
 */
import { expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../simulation/faults.ts';
import { check, draw } from '../../simulation/schedule.ts';

const SCHEDULES = Number(process.env.MANYGRAD_SIMULATED ?? 2000);
const SEED = Number(process.env.MANYGRAD_SEED ?? Date.now() % 1_000_000_000);

test(`${SCHEDULES} schedules from seed ${SEED} end with the same bits`, { timeout: 3_600_000 }, async () => {
  console.log(`schedules from seed ${SEED}`);
  const fired = new Map<FaultName, number>(FAULT_NAMES.map((fault) => [fault, 0]));
  for (let i = 0; i < SCHEDULES; i++)
    for (const fault of (await check(draw(SEED + i))).fired) fired.set(fault, (fired.get(fault) ?? 0) + 1);
  // A test of faults that do not happen shows nothing.
  for (const [fault, times] of fired) expect(times, fault).toBeGreaterThan(SCHEDULES / 500);
});

test('a seed replays exactly', async () => {
  for (const seed of [1, 2, 3]) expect(await check(draw(seed))).toEqual(await check(draw(seed)));
});
