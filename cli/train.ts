/** `manygrad train`: prepares a run, starts its workers, shows its progress, and ends it well whatever ends it. */

import { join } from 'node:path';
import type { Logger } from 'pino';
import type { TlsFiles } from '../coordinator/door/tls.ts';
import { RunLog } from '../coordinator/live/runLog.ts';
import type { Verify } from '../coordinator/machine/standing.ts';
import { type PreparedRun, prepareNewRun, prepareResumedRun } from '../coordinator/prepare.ts';
import { type RunEnd, TrainingRun } from '../coordinator/run.ts';
import { readConfig } from '../coordinator/runConfig.ts';
import { SampleLog } from '../coordinator/sampleLog.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { latestCheckpoint } from '../core/checkpoint/store.ts';
import { UserError } from '../core/errors.ts';
import { titleOf } from '../models/model.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import { defaults, sample } from '../models/sample.ts';
import { loadTrained } from '../models/trained.ts';
import { type KeptPool, type LocalWorker, startLocalWorker } from '../worker/local.ts';
import { type Door, NO_TOKEN, openDoor } from './door.ts';
import { type LogArguments, logged, openLog } from './log.ts';
import { duration, type OutputMode, RULE, TrainingOutput } from './output.ts';
import { type RecipeFlags, recipeFrom } from './recipe.ts';
import { EXIT_CODES, onSignals } from './signals.ts';
import { teller } from './teller.ts';
import { thenClose } from './thenClose.ts';
import { checkCode, trustFlag } from './trust.ts';

/** Who does the work, and who may watch. */
export interface WorkforceArguments {
  readonly threads: number;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** The first step waits for so many workers; the local threads are one. */
  readonly minWorkers: number;
  /** What workers may share: drawn if left out; NO_TOKEN for nothing. */
  readonly token: string | undefined;
  /** A file of workers' own tokens. */
  readonly tokens: string | undefined;
  /** Whether the door speaks TLS. */
  readonly tls: TlsFiles | undefined;
  /** What an operator's page must present away from this machine. */
  readonly key: string | undefined;
  /** Who runs it, for volunteers to read. */
  readonly by: string;
  readonly numerics: 'exact' | 'any';
  /** How many seconds SIGTERM gives the step under way. */
  readonly grace: number;
}

export interface TrainArguments extends RecipeFlags, WorkforceArguments, LogArguments {
  /** A preset or a recipe file; not with `resume`. */
  readonly target: string | undefined;
  readonly resume: string | undefined;
  readonly out: string | undefined;
  /** Run the code of a model that a run's folder or a recipe brings. */
  readonly trustCode: boolean;
  readonly checkpointEvery: number;
  /** 0 is never. */
  readonly checkpointSeconds: number;
  readonly keepCheckpoints: number;
  /** 0 is none. */
  readonly keepEvery: number;
  readonly evalEvery: number | undefined;
  /** Which results of workers that are not trusted are computed again before they count. */
  readonly verify: Verify;
  /** Steps between diagnostics; 0 is none. */
  readonly diagnoseEvery: number;
  /** How many to print at the end; as many as suits the data when left out. */
  readonly samples: number | undefined;
  readonly mode: OutputMode;
}

/** @returns the exit code: 0, or 130 / 143 if it was stopped by SIGINT / SIGTERM. @throws UserError */
export async function train(args: TrainArguments): Promise<number> {
  checkWorkforce(args, args.mode);
  if (args.verify !== 'off' && args.threads === 0 && args.tokens === undefined)
    throw new UserError(
      '--verify leaves nobody who may compute again what strangers did: give this machine a thread (--threads 1), or trusted ' +
        'workers tokens of their own (--tokens FILE).',
    );
  const logger = openLog(args);
  return logged(logger, () => trainAndReport(args, logger));
}

async function trainAndReport(args: TrainArguments, logger: Logger): Promise<number> {
  const prepared = await prepare(args);
  const output = new TrainingOutput(args.mode, prepared.steps, prepared.trainer.step);
  announce(output, prepared);
  const { code } = await trainPrepared(prepared, args, output, {
    logger,
    atEnd: async (end) => {
      report(output, prepared, end);
      const shown = args.samples ?? defaults[dataKind(prepared.config.recipe)].count;
      if (end.complete && shown > 0) await showSamples(output, prepared.folder.dir, shown);
    },
  });
  return code;
}

/** @throws UserError if nobody could do the work, or come in */
export function checkWorkforce(args: WorkforceArguments, mode: OutputMode): void {
  const { threads, listen, token, tokens, tls } = args;
  if (threads === 0 && listen === undefined)
    throw new UserError('--threads 0 leaves nobody to do the work: add --listen HOST:PORT so that workers can join.');
  if (listen === undefined && (tokens !== undefined || tls !== undefined))
    throw new UserError(
      '--tokens, --tls-cert and --tls-key are for a door: add --listen HOST:PORT, or leave them out.',
    );
  if (token === NO_TOKEN && tokens === undefined)
    throw new UserError('--token none leaves workers no token to come in with: add --tokens FILE.');
  if (mode === 'quiet' && listen !== undefined && token === undefined && tokens === undefined)
    throw new UserError('--quiet would not show the token that workers need: choose one with --token.');
}

/** What a command that makes runs does otherwise than `train`. */
export interface TrainHow {
  /** Where what happens is logged; nowhere if left out. */
  readonly logger?: Logger;
  /** Threads that are there already. */
  readonly pool?: KeptPool;
  /** The door has been open before, for another run. */
  readonly again?: boolean;
  /** Told the port of the door. */
  readonly onDoor?: (port: number) => void;
  /** Whether the workers are sent home, instead of waiting for the coordinator to come back; when the run has finished if left out. */
  readonly sendsHome?: (end: RunEnd | null) => boolean;
  /** Losses of evaluations are not said line by line. */
  readonly terse?: boolean;
  /** Done last, while signals still ask to stop. */
  readonly atEnd?: (end: RunEnd) => Promise<void>;
}

/**
 * Trains a prepared run to its end, or until a signal stops it, and closes everything that it opened.
 * @returns how it ended, and the exit code: 0, or 130 / 143 if it was stopped by SIGINT / SIGTERM
 * @throws UserError, a Divergence if the numbers ran away
 */
export async function trainPrepared(
  prepared: PreparedRun,
  args: WorkforceArguments,
  output: TrainingOutput,
  how: TrainHow = {},
): Promise<{ end: RunEnd; code: number }> {
  const { trainer, folder, config, options, steps } = prepared;
  const { sendsHome = (end) => end?.complete === true, logger = SILENT } = how;
  const stopping: { code: number; impatience?: NodeJS.Timeout } = { code: 0 };
  const run = new TrainingRun(prepared, teller(output, trainer.step, how.terse === true));
  const log = new RunLog(logger, trainer.step, () => performance.now());
  run.observe(log);
  for (const { reason } of prepared.damaged) logger.warn({ event: 'damaged checkpoint', reason });
  for (const warning of prepared.warnings) logger.warn({ event: 'warning', warning });
  logger.info({
    event: trainer.step > 0 ? 'resume' : 'start',
    dir: folder.dir,
    model: titleOf(config.recipe.model),
    parameters: trainer.parameterCount,
    step: trainer.step,
    steps,
    threads: args.threads,
  });
  const warn = (warning: string) => {
    output.warn([warning]);
    logger.warn({ event: 'warning', warning });
  };
  const unhook = onSignals((signal) => {
    logger.info({ event: 'stopping', signal, step: trainer.step });
    stopping.code = EXIT_CODES[signal];
    if (signal === 'SIGINT') {
      output.say('Stopping: writing a checkpoint (again to leave at once)...');
      return run.stop();
    }
    // Who sends SIGTERM has time, and would have the step under way made again.
    output.say(`Stopping: the step under way has ${args.grace} s, then a checkpoint is written...`);
    run.drain();
    stopping.impatience = setTimeout(() => run.stop(), args.grace * 1000);
  });
  let local: LocalWorker | null = null;
  let door: Door | null = null;
  const samples =
    options.diagnoseEvery > 0 ? new SampleLog(folder, config.recipe, prepared.tokenizer, () => trainer.state) : null;
  if (samples !== null) run.observe(samples);
  let ended: RunEnd | null = null;
  const trainToItsEnd = async () => {
    if (args.listen !== undefined) {
      const at = args.listen;
      door = await openDoor({ ...args, at, again: how.again === true, log, logger, warn }, prepared, run, output);
      how.onDoor?.(door.port);
    }
    if (args.threads > 0) {
      const connection = run.connect();
      local = await startLocalWorker(prepared.spec, args.threads, connection.events, how.pool);
      connection.join(local);
    }
    run.start(args.minWorkers);
    const end = await run.ended;
    ended = end;
    output.stop();
    const bytes = door?.bytes ?? { sent: 0, received: 0 };
    const summary = { ...end, bytesSent: bytes.sent, bytesReceived: bytes.received };
    // Once workers have been sent home, nobody is left to do again what was not written.
    await folder.summary(summary);
    await door?.close(sendsHome(end));
    output.event({ event: 'end', dir: folder.dir, ...summary });
    logger.info({ event: 'end', ...summary });
    await how.atEnd?.(end);
    return { end, code: end.complete ? 0 : stopping.code };
  };
  return thenClose(trainToItsEnd, [
    () => {
      output.stop();
      unhook();
      clearTimeout(stopping.impatience);
    },
    () => door?.close(sendsHome(ended)),
    () => {
      local?.close('', 'goingAway');
      return local?.closed;
    },
    () => samples?.close(),
    () => folder.close(),
  ]);
}

const SILENT = openLog({ log: undefined, logLevel: 'info' });

async function prepare(args: TrainArguments): Promise<PreparedRun> {
  const options = (steps: number) => ({
    checkpointEvery: args.checkpointEvery,
    checkpointSeconds: args.checkpointSeconds,
    keepCheckpoints: args.keepCheckpoints,
    keepEvery: args.keepEvery,
    evalEvery: args.evalEvery ?? Math.max(1, Math.ceil(steps / 10)),
    diagnoseEvery: args.diagnoseEvery,
    verify: args.verify,
    exact: args.numerics === 'exact',
  });
  if (args.resume !== undefined) {
    if (args.target !== undefined || args.out !== undefined || args.seed !== undefined || args.set !== undefined)
      throw new UserError(
        '--resume continues a run with its own recipe, in its own folder: leave out the preset, --out, --seed and --set.',
      );
    const changes = {
      ...(args.steps === undefined ? {} : { steps: args.steps }),
      ...(args.data === undefined ? {} : { source: args.data }),
      ...(args.tokenizer === undefined ? {} : { tokenizer: args.tokenizer }),
    };
    checkCode((await readConfig(args.resume)).recipe, args.resume, args.trustCode);
    return prepareResumedRun(args.resume, changes, options);
  }
  if (args.target === undefined)
    throw new UserError('say what to train: a preset such as names-wavenet, a recipe file, or --resume DIR.');
  const recipe = await recipeFrom(args.target, args);
  checkCode(recipe, args.target, args.trustCode);
  return prepareNewRun(recipe, args.out ?? defaultFolder(args.target), options);
}

/** Where a run of `target` goes that is given no folder. */
export function defaultFolder(target: string, prefix = ''): string {
  const name = target.replace(/^.*\//, '').replace(/\.(ya?ml|[cm]?[jt]s)$/, '');
  const at = new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
  return join('runs', `${prefix}${name}-${at}`);
}

export function announce(output: TrainingOutput, prepared: PreparedRun): void {
  const { trainer, config, folder, damaged, data, warnings } = prepared;
  const { model, microBatch } = config.recipe;
  for (const { reason } of damaged) output.say(`Passed over a damaged checkpoint: ${reason}`);
  const from = trainer.step > 0 ? `, from step ${trainer.step}` : '';
  output.say(
    `Training ${titleOf(model)} (${trainer.parameterCount.toLocaleString('en')} parameters) on ${data}${from}.`,
  );
  output.say(`Each step: ${batchInWords(config.recipe)} in micro-batches of ${microBatch}. Files: ${folder.dir}`);
  output.warn(warnings);
  output.event({ event: 'start', dir: folder.dir, step: trainer.step, parameters: trainer.parameterCount });
}

function batchInWords(recipe: Recipe): string {
  const { batch, model } = recipe;
  return dataKind(recipe) === 'text' ? `${batch} windows of ${model.blockSize} tokens` : `${batch} examples`;
}

function report(output: TrainingOutput, { folder, config }: PreparedRun, end: RunEnd): void {
  if (!end.complete) {
    output.say(
      `Stopped after step ${end.steps}. Continue with:  manygrad train --resume ${folder.dir}${trustFlag(config.recipe)}`,
    );
    return;
  }
  output.say('');
  const rate = `${end.tokensPerSecond.toLocaleString('en')} ${dataKind(config.recipe) === 'text' ? 'tokens' : 'examples'}/s`;
  output.say(`Done: ${end.steps} steps in ${duration(end.seconds)}, ${rate}.`);
  output.say(`train loss ${end.trainLoss?.toFixed(4)}   validation loss ${end.valLoss?.toFixed(4)}`);
  output.say(`paramsSha256 ${end.paramsSha256}`);
}

async function showSamples(output: TrainingOutput, dir: string, count: number): Promise<void> {
  const trained = await loadTrained(await latestCheckpoint(dir), await createWasmBackend());
  const samples: string[] = [];
  for await (const text of sample(trained, { count, seed: 42, temperature: 1, prompt: '' })) samples.push(text);
  const shown = dataKind(trained.recipe) === 'text' ? `\n${samples.join(`\n${RULE}\n`)}\n` : ` ${samples.join(', ')}`;
  output.say(`\n${samples.length === 1 ? 'Sample' : 'Samples'}:${shown}`);
  output.say(`More with:  manygrad sample ${dir}${trustFlag(trained.recipe)}`);
  output.event({ event: 'samples', samples });
}
