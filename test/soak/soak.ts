/**
 * A soak: one run of real processes, of which some are killed, frozen or sent away every few seconds and others join, the
 * coordinator itself included; then the same recipe and steps once more, undisturbed, in one process. What is found is
 * judged in report.ts.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ledgerFault } from '../../simulation/ledger.ts';
import { readSummary } from '../support/cli.ts';
import { ledger, workersOf } from '../support/ledger.ts';
import { Coordinator } from './coordinator.ts';
import { type Fault, type Form, planFaults } from './faults.ts';
import { Mishaps } from './mishaps.ts';
import { Processes } from './processes.ts';
import { type Found, type Progress, type Report, reportOf } from './report.ts';
import { Watchdog } from './watchdog.ts';
import { Workers } from './workers.ts';

const MICRO_BATCHES = 16;
const MICRO_BATCH = 16;
/** More steps than time allows: where the run is stopped, there the undisturbed one is to end. */
const GOAL = 1_000_000_000;
const TELL_MS = 10_000;

/** With moments, running statistics and clipping: what a resumed run must find again. The rate knows no last step. */
const recipe = (seed: number) => `model: { name: wavenet, blockSize: 8, embeddingDim: 24, hidden: 128 }
data: { source: names }
seed: ${seed}
steps: ${GOAL}
batch: ${MICRO_BATCHES * MICRO_BATCH}
microBatch: ${MICRO_BATCH}
optimizer: { name: adamw }
schedule: { name: constant, lr: 0.002 }
clipGradNorm: 1
`;

interface SoakOptions extends Form {
  /** Worker processes that there are at a time. */
  readonly workers: number;
  /** An empty folder. */
  readonly dir: string;
  /** Told now and then how it stands. */
  readonly onProgress: (progress: Progress) => void;
  /** Ends it, by an error. */
  readonly signal: AbortSignal;
}

/**
 * What holds and what does not is in the report; no process is left when this returns or throws.
 * @throws UserError if the time is too short; Error if the soak could not be carried through: a process ended unasked, a
 * minute passed without a step, or it was aborted
 */
export async function soak(options: SoakOptions): Promise<Report> {
  const plan = planFaults(options);
  const processes = new Processes();
  const watchdog = new Watchdog();
  const over = new AbortController();
  try {
    const found = carryThrough(plan, { ...options, signal: over.signal }, processes, watchdog);
    const ends = await Promise.race([found, processes.failed, watchdog.bites, aborted(options.signal)]);
    return reportOf({ ...ends, leftBehind: await processes.close(), complaints: processes.complaints });
  } catch (error) {
    // Ctrl-C ends the processes too: that is no failure of theirs.
    throw options.signal.aborted ? options.signal.reason : error;
  } finally {
    watchdog.end();
    over.abort();
    await processes.close();
  }
}

async function carryThrough(
  plan: readonly Fault[],
  options: SoakOptions,
  processes: Processes,
  watchdog: Watchdog,
): Promise<Omit<Found, 'leftBehind' | 'complaints'>> {
  const { seed, dir, signal } = options;
  const out = join(dir, 'soaked');
  const recipeFile = join(dir, 'recipe.yaml');
  writeFileSync(recipeFile, recipe(seed));
  const onStep = () => watchdog.pat();
  const coordinator = new Coordinator({ processes, recipe: recipeFile, out, onStep });
  await coordinator.begin();
  const workers = new Workers(processes, coordinator, options.workers);
  await workers.allThere();
  await coordinator.when('there is a step', () => coordinator.life.step > 0);

  workers.watch.start();
  const mishaps = new Mishaps(coordinator, workers, signal);
  const beganAt = performance.now();
  const seconds = () => (performance.now() - beganAt) / 1000;
  const until = (at: number) => sleep(Math.max(0, at - seconds()) * 1000, undefined, { signal });
  const telling = setInterval(() => options.onProgress(progress(seconds(), coordinator, workers, mishaps)), TELL_MS);
  signal.addEventListener('abort', () => clearInterval(telling));
  for (const fault of plan) {
    await until(fault.at);
    await mishaps.happen(fault);
  }
  await until(options.seconds);
  await mishaps.over();
  await workers.allThere();
  const soakedSeconds = seconds();
  clearInterval(telling);

  workers.watch.stop();
  await coordinator.stop();
  const lives = [...coordinator.lives];
  const { step: steps } = coordinator.life;
  // Its goal is now the steps that it has made: it is evaluated, and its workers are sent home.
  await Promise.all([workers.sentHome(), coordinator.finish(steps, options.workers)]);
  const undisturbed = await runUndisturbed(recipeFile, join(dir, 'undisturbed'), steps, processes, onStep);

  return {
    seed,
    seconds: soakedSeconds,
    steps,
    planned: [...new Set(plan.map(({ kind }) => kind))],
    fired: mishaps.fired,
    lives,
    steady: workers.watch,
    joined: [...coordinator.seen].filter((name) => workers.cameLater(name)).length,
    worked: [...workersOf(out)].filter((name) => workers.cameLater(name)).length,
    soaked: readSummary(out),
    undisturbed: readSummary(undisturbed),
    ledgerFault: ledgerFault(ledger(out), { steps, batch: MICRO_BATCHES * MICRO_BATCH, microBatch: MICRO_BATCH }),
  };
}

/** The same recipe for as many steps, in one process to which nothing happens. @returns its folder */
async function runUndisturbed(
  recipeFile: string,
  out: string,
  steps: number,
  processes: Processes,
  onStep: () => void,
): Promise<string> {
  const cli = processes.start('the undisturbed run', [
    ...['train', recipeFile, '--out', out, '--steps', `${steps}`, '--threads', `${availableParallelism()}`],
    ...['--json', '--samples', '0', '--eval-every', '0', '--checkpoint-every', '0'],
  ]);
  cli.follow((event) => {
    if (event.event === 'step') onStep();
  });
  await processes.endOf(cli, 0);
  return out;
}

function progress(seconds: number, coordinator: Coordinator, workers: Workers, { fired }: Mishaps): Progress {
  return {
    seconds,
    step: coordinator.life.step,
    workers: coordinator.workers,
    joined: coordinator.seen.size,
    fired,
    rss: { coordinator: coordinator.life.watch.rss.at(-1) ?? 0, steady: workers.watch.rss.at(-1) ?? 0 },
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}
