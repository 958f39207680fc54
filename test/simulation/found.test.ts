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
