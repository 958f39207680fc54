/** What simulated runs have found, each kept as the shortest world that shows it. */
import { expect, test } from 'vitest';
import { PLAIN } from '../../coordinator/options.ts';
import { FAULTS } from '../../simulation/faults.ts';
import { LOCAL } from '../../simulation/host.ts';
import { Moments } from '../../simulation/moments.ts';
import { RECIPES } from '../../simulation/schedule.ts';
import { type WorkerPlan, World, type WorldOptions } from '../../simulation/world.ts';

const [, recipe] = RECIPES;
if (recipe === undefined) throw new Error('no recipe');

const worker = (name: string, more: Partial<WorkerPlan> = {}): WorkerPlan => ({
  ...{ name, shape: LOCAL, threads: 1, msPerMicroBatch: 5, spread: 0, ...more },
});

const options = (more: Partial<WorldOptions>): WorldOptions => ({
  ...{ seed: 1, recipe, run: PLAIN, workers: [worker('a'), worker('b')], threads: 0, msPerMicroBatch: 5, ...more },
});

const HOUR_MS = 3_600_000;

test.each(['before', 'after'])(
  'a coordinator killed %s its summary is written has workers to go on with',
  async (when) => {
    const world: World = new World(
      options({
        workers: [worker('a')],
        moments: new Moments([
          { at: `disk ${when} rename summary`, nth: 1, strike: () => FAULTS['coordinator killed'](world) },
        ]),
      }),
    );
    await world.run(HOUR_MS);
    expect(world.lives).toBe(2);
  },
);

test('a coordinator that was stopped has one to come after it, whatever strikes in between', async () => {
  const world: World = new World(
    options({
      // So slow that whoever is started first has not ended when the next one comes.
      workers: [worker('a', { msPerMicroBatch: 100 })],
      moments: new Moments([
        {
          at: 'run commit',
          nth: 3,
          strike: () => {
            world.time.after(500, () => FAULTS['coordinator killed'](world));
            return FAULTS['coordinator stopped and resumed'](world);
          },
        },
      ]),
    }),
  );
  await world.run(HOUR_MS);
  expect(world.lives).toBe(2);
  expect(world.ledger().map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});
