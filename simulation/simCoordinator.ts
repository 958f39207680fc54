/**
 * A simulated coordinator: one life of the process that trains, from its start or its resuming to its end or its death, with the
 * real run, the real door and the real files, on simulated links, clock and disk.
 */

import { bearerOf } from '../coordinator/door/bearer.ts';
import { Reception } from '../coordinator/door/reception.ts';
import type { RunEnd, RunObserver } from '../coordinator/observer.ts';
import type { RunOptions } from '../coordinator/options.ts';
import { type PreparedRun, prepareNewRun, prepareResumedRun } from '../coordinator/prepare.ts';
import { TrainingRun } from '../coordinator/run.ts';
import type { Recipe } from '../models/recipe.ts';
import { startLocalWorker } from '../worker/local.ts';
import { KeptThreads } from '../worker/rejoin.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';
import { SimThreads, type ThreadOptions } from './threads.ts';

export const TOKEN = 'token';
export const DIR = 'run';

export interface CoordinatorOptions {
  readonly recipe: Recipe;
  readonly run: RunOptions;
  readonly minWorkers: number;
  /** Threads of its own; null for none. */
  readonly local: Omit<ThreadOptions, 'process'> | null;
  readonly numerics: string;
}

/** Runs until the process dies, which this does not see, or the run ends. */
export async function coordinate(
  { recipe, run: runOptions, minWorkers, local, numerics }: CoordinatorOptions,
  process: SimProcess,
  network: Network,
  observer: RunObserver,
): Promise<RunEnd> {
  const options = () => runOptions;
  const prepared: PreparedRun = await prepareNewRun(recipe, DIR, options);
  const { trainer, batches, folder, spec } = prepared;
  const run = new TrainingRun(prepared, observer, process.clock);
  const statistics = batches.microBatches * trainer.statisticsLength;
  const reception = new Reception(
    {
      identify: bearerOf(TOKEN),
      numerics,
      run: DIR,
      model: spec,
      maxResultBytes: 4 * (trainer.parameterCount + statistics) + 16,
      connect: () => run.connect(),
      state: () => trainer.state,
      news: () => {
        throw new Error('no tab takes part in a simulation');
      },
    },
    process.clock,
  );
  network.listen(process, (link) => reception.accept(link));
  if (local !== null) {
    const connection = run.connect();
    const kept = new KeptThreads(() => Promise.resolve(new SimThreads({ ...local, process })));
    connection.join(await startLocalWorker(spec, local.threads, connection.events, kept));
  }
  run.start(minWorkers);
  const end = await run.ended;
  network.close(process);
  await reception.close(end.complete);
  folder.summary({ ...end });
  folder.close();
  return end;
}
void prepareResumedRun;
