/**
 * Random schedules: crowds of workers of all speeds and lines, faults of all kinds at any moment. A failure prints the seed that
 * replays it:  manygrad simulate --schedules 1 --seed N
 *
 * MANYGRAD_SIMULATED asks for more of them, MANYGRAD_SEED for those from a seed on.
 */
import { expect, test } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../simulation/faults.ts';
import { LIE_NAMES } from '../../simulation/liars.ts';
import { check, draw, type Played } from '../../simulation/schedule.ts';

const SCHEDULES = Number(process.env.MANYGRAD_SIMULATED ?? 2000);
const SEED = Number(process.env.MANYGRAD_SEED ?? Date.now() % 1_000_000_000);

/** At the very least, a fault strikes in so many of the schedules; a checkpoint is damaged only where there is an older one. */
const leastOf = (fault: FaultName): number => SCHEDULES / (fault === 'newest checkpoint damaged' ? 250 : 125);

test(`${SCHEDULES} schedules from seed ${SEED} end with the same bits`, { timeout: 3_600_000 }, async () => {
  console.log(`schedules from seed ${SEED}`);
  const fired = new Map<FaultName, number>(FAULT_NAMES.map((fault) => [fault, 0]));
  let [foundOut, rollbacks, undone] = [0, 0, 0];
  for (let i = 0; i < SCHEDULES; i++) {
    const schedule = draw(SEED + i);
    const played = await check(schedule);
    for (const fault of played.fired) fired.set(fault, (fired.get(fault) ?? 0) + 1);
    foundOut += played.foundOut.length;
    rollbacks += played.rollbacks;
    if (schedule.run.verify === 'adaptive' && played.foundOut.length > 0 && played.escaped === 0) undone++;
  }
  console.log({ foundOut, rollbacks, undone });
  // A test of faults that do not happen shows nothing; nor does one of liars of whom nobody is found out.
  for (const [fault, times] of fired) expect(times, fault).toBeGreaterThan(leastOf(fault));
  expect(foundOut, 'liars found out').toBeGreaterThan(0);
  expect(rollbacks, 'rollbacks').toBeGreaterThan(0);
  expect(undone, 'schedules of which every lie was undone').toBeGreaterThan(0);
});

test('a seed replays exactly, whatever was played before it', async () => {
  // Among them liars of every kind.
  const seeds = [...Array(200).keys()].filter((seed) => seed < 3 || draw(seed).workers.some(({ liar }) => liar));
  const lies = new Set(seeds.flatMap((seed) => draw(seed).workers.flatMap(({ liar }) => liar?.lie ?? [])));
  expect(lies).toEqual(new Set(LIE_NAMES));
  const played = new Map<number, Played>();
  for (const seed of seeds) played.set(seed, await check(draw(seed)));
  for (const seed of seeds.toReversed()) expect(await check(draw(seed)), `seed ${seed}`).toEqual(played.get(seed));
});
