/** What simulated runs have found, each kept as the shortest world that shows it. */
import { expect, test } from 'vitest';
import { PLAIN } from '../../coordinator/options.ts';
import { FAULTS } from '../../simulation/faults.ts';
import { Moments } from '../../simulation/moments.ts';
import { LOCAL } from '../../simulation/network.ts';
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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test('an hour asleep is nobody`s pace: a worker that then falls silent is not waited for half a day', async () => {
  let struck = false;
  const world: World = new World(
    options({
      moments: new Moments([
        {
          at: 'worker after receiving work',
          nth: 2,
          strike: (host) => {
            struck = true;
            world.time.leap(HOUR_MS);
            // From now on it computes for ever, and its machine answers pings.
            if (host !== null) for (const w of world.workersOn(host)) w.slowBy(1e9);
          },
        },
      ]),
    }),
  );
  await world.run(HOUR_MS + 10 * MINUTE_MS);
  expect(struck).toBe(true);
});

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
