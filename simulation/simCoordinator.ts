/**
 * A simulated coordinator: one life of the process that trains, from its start or its resuming to its end or its death, with the
 * real run, the real door and the real files, on simulated links, clock and disk.
 */
import type { Bearer } from '../coordinator/door/bearer.ts';
import { Reception } from '../coordinator/door/reception.ts';
import type { RunEnd, RunObserver } from '../coordinator/observer.ts';
import type { RunOptions } from '../coordinator/options.ts';
import { type PreparedRun, prepareNewRun, prepareResumedRun, type RunPlace } from '../coordinator/prepare.ts';
import { TrainingRun } from '../coordinator/run.ts';
import type { Disk } from '../core/disk/disk.ts';
import type { Recipe } from '../models/recipe.ts';
import { startLocalWorker } from '../worker/local.ts';
import { KeptThreads } from '../worker/rejoin.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';
import { SimThreads, type ThreadOptions } from './threads.ts';

/** The run's token, and where its files are. */
export const TOKEN = 'token';
export const DIR = 'run';

interface CoordinatorOptions {
  readonly recipe: Recipe;
  readonly run: RunOptions;
  /** Threads of its own; null for none. */
  readonly local: Omit<ThreadOptions, 'process'> | null;
  readonly numerics: string;
  readonly loadData: RunPlace['loadData'];
  /** Chooses what is checked. */
  readonly dice: () => number;
}

export class SimCoordinator {
  readonly process: SimProcess;
  /** Resolves when the run has ended or been stopped, and the door is closed; never if the process dies. */
  readonly ended: Promise<RunEnd>;
  /** Null until it has been prepared. */
  run: TrainingRun | null = null;

  /** Starts it. @param isNew whether its folder holds no run yet */
  constructor(
    options: CoordinatorOptions,
    process: SimProcess,
    network: Network,
    disk: Disk,
    isNew: boolean,
    observer: RunObserver,
  ) {
    this.process = process;
    this.ended = this.#coordinate(options, network, disk, isNew, observer);
  }

  async #coordinate(
    { recipe, run: runOptions, local, numerics, loadData, dice }: CoordinatorOptions,
    network: Network,
    disk: Disk,
    isNew: boolean,
    observer: RunObserver,
  ): Promise<RunEnd> {
    const { process } = this;
    const { clock } = process;
    const place: RunPlace = { disk, clock, loadData };
    const options = () => runOptions;
    const prepared = await (isNew
      ? prepareNewRun(recipe, DIR, options, place)
      : prepareResumedRun(DIR, {}, options, place));
    const run = new TrainingRun(prepared, observer, clock, dice);
    this.run = run;
    const reception = openDoor(prepared, run, numerics, process);
    network.listen(process, (link) => reception.accept(link));
    if (local !== null) {
      const connection = run.connect();
      const kept = new KeptThreads(() => Promise.resolve(new SimThreads({ ...local, process })));
      connection.join(await startLocalWorker(prepared.spec, local.threads, connection.events, kept));
    }
    run.start();
    const end = await run.ended;
    // Once workers have been sent home, nobody is left to do again what was not written.
    await prepared.folder.summary({ ...end });
    await reception.close(end.complete);
    network.close(process);
    await prepared.folder.close();
    return end;
  }
}

/** The run's token is anybody's; `token of NAME` is that worker's own. */
function identify(token: string): Bearer | null {
  const [, name] = /^token(?: of (.+))?$/.exec(token) ?? [];
  return token.startsWith(TOKEN) ? { name: name ?? null, trusted: false } : null;
}

function openDoor(prepared: PreparedRun, run: TrainingRun, numerics: string, { clock }: SimProcess): Reception {
  const { trainer, batches, spec } = prepared;
  const statistics = batches.microBatches * trainer.statisticsLength;
  return new Reception(
    {
      identify,
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
    clock,
    // Another in each life, and as long: what is sent has the same length each time.
    String(Math.round(clock.now())).padStart(12, '0'),
  );
}
