/**
 * Workers that are not trusted, under thousands of random schedules: some lie, always or now and then or once they are proven,
 * leave and come back; others find them out. What the judge (machine/world.ts) holds the machine to: nothing is doubted or
 * taken that should not be, no liar that is found out leaves anything unchecked behind, and no run waits for nobody.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../coordinator/machine.ts';
import { firedDoubts } from './machine/fired.ts';
import { plansOf, play } from './machine/play.ts';

describe('random schedules', () => {
  const ends = (plan: Plan, log: readonly string[]) =>
    expect(log.at(-1)).toBe(`finish ${Math.max(plan.startStep, plan.steps)} complete`);

  test('where all is verified, no lie is left at the end', () => {
    fc.assert(
      fc.property(plansOf(['all']), fc.integer(), fc.constantFrom(0, 2, 5, 20), (plan, seed, calm) => {
        const world = play(plan, { seed, calm, strangers: true });
        ends(plan, world.log);
        expect(world.ledger.lies()).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('where some is, or only what is suspect, a liar that is found out leaves nothing behind', () => {
    fc.assert(
      fc.property(
        plansOf(['off', 'adaptive'], { long: true }),
        fc.integer(),
        fc.constantFrom(0, 3, 5, 20),
        (plan, seed, calm) => {
          ends(plan, play(plan, { seed, calm, strangers: true }).log);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('stopped or drained at any moment it ends', () => {
    fc.assert(
      fc.property(
        plansOf(['off', 'adaptive', 'all'], { long: true }),
        fc.integer(),
        fc.oneof(fc.nat(300), fc.constant('rollback' as const)),
        fc.constantFrom('stopAt', 'drainAt'),
        (plan, seed, at, how) => {
          const world = play(plan, { seed, calm: 5, strangers: true, [how]: at });
          expect(world.finished).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('workers that stall are checked as others are, and nobody waits for them', () => {
    fc.assert(
      fc.property(plansOf(['adaptive', 'all']), fc.integer(), fc.constantFrom(0, 3, 10), (plan, seed, calm) => {
        ends(plan, play(plan, { seed, calm, strangers: true, inTime: true }).log);
      }),
      { numRuns: 300 },
    );
  });

  afterAll(() => {
    console.log(firedDoubts);
    for (const [what, times] of Object.entries(firedDoubts)) expect(times, what).toBeGreaterThan(20);
  });
});
