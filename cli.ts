#!/usr/bin/env node
/** The one binary: parses the command line and calls a room. Each command's work is in cli/. */
import { availableParallelism } from 'node:os';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { lectureNames } from './cli/lecture.ts';
import { inWords, outputMode } from './cli/output.ts';
import { UserError } from './core/errors.ts';

const OLDEST_NODE = 24;

/** @throws UserError if this Node cannot run the kernels */
function checkNode(): void {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE)
    throw new UserError(
      `manygrad needs Node ${OLDEST_NODE} or later and this is ${process.version}: run it as  npx -p node@${OLDEST_NODE} -p manygrad manygrad ...`,
    );
}

/** [HOST:]PORT, or :PORT for all interfaces. */
function parseListen(value: string): { host: string; port: number } {
  const match = /^(?:(?<host>.*):)?(?<port>\d{1,5})$/.exec(value);
  const port = Number(match?.groups?.port);
  if (match === null || port > 65_535)
    throw new UserError(`--listen ${value} is no address: write it as HOST:PORT or :PORT.`);
  // An IPv6 address stands in brackets, [::1]:8080.
  return { host: match.groups?.host?.replace(/^\[|\]$/g, '') || '0.0.0.0', port };
}

/** --diagnostics every=N, in steps. */
function parseEvery(value: string): number {
  const every = Number(/^(?:every=)?(\d+)$/.exec(value)?.[1]);
  if (!(every >= 1)) throw new UserError(`--diagnostics ${value} is no number of steps: write it as every=100.`);
  return every;
}

/** A flag that must be a whole number of at least `least`. */
function whole(flag: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least)
    throw new UserError(`--${flag} must be a whole number of at least ${least}; it was given ${inWords(value)}.`);
  if (!Number.isSafeInteger(value))
    throw new UserError(`--${flag} must be at most ${Number.MAX_SAFE_INTEGER}; it was given ${value}.`);
  return value;
}

/** The flags that may be given several times. */
const REPEATED: readonly string[] = ['set', 'split', 'model'];

/** @throws UserError if another flag was: yargs makes a list of its values */
function checkRepeated(given: Readonly<Record<string, unknown>>): true {
  for (const [flag, value] of Object.entries(given))
    if (Array.isArray(value) && flag !== '_' && !REPEATED.includes(flag))
      throw new UserError(`--${flag} was given ${value.length} times (${value.join(', ')}): give it once.`);
  return true;
}

const cores = availableParallelism();

const trustCode = {
  type: 'boolean',
  default: false,
  describe: 'Run the code of a model that a coordinator, a folder, a checkpoint or a recipe brings',
} as const;

/** Who does a run's work, and who may watch. */
const workforce = {
  threads: { type: 'number', default: cores, describe: 'Worker threads here; 0 leaves the work to others' },
  listen: {
    type: 'string',
    describe: 'Open a door at HOST:PORT (:PORT for all interfaces): workers, browsers, the dashboard',
  },
  'min-workers': {
    type: 'number',
    default: 0,
    describe: 'Begin once so many workers are there (the threads count as one)',
  },
  token: {
    type: 'string',
    describe: 'What a worker must present (default: $MANYGRAD_TOKEN, or drawn at random and printed)',
  },
  key: {
    type: 'string',
    describe: 'What the dashboard asks for away from this machine (default: $MANYGRAD_KEY, or drawn and printed)',
  },
  by: { type: 'string', default: '', describe: 'Who runs this, for volunteers to read' },
  numerics: {
    choices: ['exact', 'any'] as const,
    default: 'exact' as const,
    describe: 'Admit only workers that compute the same bits, or any',
  },
} as const;

function parseWorkforce(a: {
  readonly threads: number;
  readonly listen: string | undefined;
  readonly minWorkers: number;
  readonly token: string | undefined;
  readonly key: string | undefined;
  readonly by: string;
  readonly numerics: 'exact' | 'any';
}) {
  return {
    threads: whole('threads', a.threads, 0),
    listen: a.listen === undefined ? undefined : parseListen(a.listen),
    minWorkers: whole('min-workers', a.minWorkers, 0),
    token: a.token ?? process.env.MANYGRAD_TOKEN,
    key: a.key ?? process.env.MANYGRAD_KEY,
    by: a.by,
    numerics: a.numerics,
  };
}

const parser = yargs(hideBin(process.argv))
  .scriptName('manygrad')
  .usage('$0 <command>\n\nTrains neural networks on many threads and machines, to the same bits.')
  .options({
    json: { type: 'boolean', default: false, describe: 'Print JSON lines for a program', global: true },
    quiet: { type: 'boolean', default: false, describe: 'Print nothing but errors', global: true },
  })
  .command(
    'train [preset]',
    'Train a preset or a recipe file, or continue a run',
    (y) =>
      y
        .positional('preset', {
          type: 'string',
          describe:
            'names-bigram, names-mlp, names-wavenet, text-gpt, or the path of a recipe (.yaml) or a model (.ts)',
        })
        .options({
          steps: { type: 'number', describe: 'Steps in all (with --resume: a new goal)' },
          seed: { type: 'number', describe: 'Seed of everything random' },
          data: {
            type: 'string',
            describe:
              'A text file: one example a line, or running text for a GPT (default: names and sonnets that are built in)',
          },
          set: {
            type: 'string',
            array: true,
            nargs: 1,
            describe: 'Change a field of the recipe: --set schedule.lr=0.05',
          },
          out: { type: 'string', describe: 'The folder for the run (default: runs/<preset>-<time>)' },
          resume: { type: 'string', describe: 'Continue the run in this folder' },
          'trust-code': trustCode,
          ...workforce,
          'checkpoint-every': {
            type: 'number',
            default: 1000,
            describe: 'Steps between checkpoints; 0: only at the end',
          },
          'keep-checkpoints': { type: 'number', default: 3, describe: 'How many checkpoints to keep' },
          'eval-every': {
            type: 'number',
            describe: 'Steps between validations; 0: only at the end (default: a tenth)',
          },
          diagnostics: {
            type: 'string',
            describe: 'Record what layers, gradients and updates do, for manygrad report: --diagnostics every=100',
          },
          samples: { type: 'number', describe: 'Samples to print at the end (default: 20 lines, or one text)' },
        }),
    async (a) => {
      checkNode();
      const { train } = await import('./cli/train.ts');
      process.exitCode = await train({
        target: a.preset,
        resume: a.resume,
        out: a.out,
        steps: a.steps === undefined ? undefined : whole('steps', a.steps, 1),
        seed: a.seed,
        data: a.data,
        set: a.set,
        ...parseWorkforce(a),
        trustCode: a.trustCode,
        checkpointEvery: whole('checkpoint-every', a.checkpointEvery, 0),
        keepCheckpoints: whole('keep-checkpoints', a.keepCheckpoints, 1),
        evalEvery: a.evalEvery === undefined ? undefined : whole('eval-every', a.evalEvery, 0),
        diagnoseEvery: a.diagnostics === undefined ? 0 : parseEvery(a.diagnostics),
        samples: a.samples === undefined ? undefined : whole('samples', a.samples, 0),
        mode: outputMode(a),
      });
    },
  )
  .command(
    'lr-find <preset>',
    'Look for a learning rate: let it rise step by step, and see where the loss is lowest',
    (y) =>
      y
        .positional('preset', {
          type: 'string',
          demandOption: true,
          describe: 'A preset, or the path of a recipe (.yaml) or a model (.ts)',
        })
        .options({
          steps: { type: 'number', default: 1000, describe: 'Steps, each at a rate of its own' },
          from: { type: 'number', default: 0.001, describe: 'The first rate' },
          to: { type: 'number', default: 1, describe: 'The last rate' },
          seed: { type: 'number', describe: 'Seed of everything random' },
          data: { type: 'string', describe: 'A text file, as for train' },
          set: { type: 'string', array: true, nargs: 1, describe: 'Change a field of the recipe: --set batch=32' },
          out: { type: 'string', describe: 'The folder for the run (default: runs/lr-find-<preset>-<time>)' },
          threads: { type: 'number', default: cores, describe: 'Worker threads' },
          'trust-code': trustCode,
        }),
    async (a) => {
      checkNode();
      const { lrFind } = await import('./cli/lrFind.ts');
      const { preset, from, to, seed, data, set, out, trustCode } = a;
      process.exitCode = await lrFind({
        target: preset,
        steps: whole('steps', a.steps, 2),
        from,
        to,
        seed,
        data,
        set,
        out,
        threads: whole('threads', a.threads, 0),
        trustCode,
        mode: outputMode(a),
      });
    },
  )
  .command(
    'sweep <file>',
    'Train every combination of some values with several seeds, and compare them',
    (y) =>
      y
        .positional('file', {
          type: 'string',
          demandOption: true,
          describe: 'A YAML file: base, set, grid, seeds, steps, data (see docs/experiments.md)',
        })
        .options({
          out: { type: 'string', describe: 'The folder for the runs (default: runs/sweep-<file>)' },
          'trust-code': trustCode,
          ...workforce,
        }),
    async (a) => {
      checkNode();
      const { sweep } = await import('./cli/sweep.ts');
      const { file, out, trustCode } = a;
      process.exitCode = await sweep({ file, out, trustCode, mode: outputMode(a), ...parseWorkforce(a) });
    },
  )
  .command(
    'worker <url>',
    'Compute for a coordinator on another machine',
    (y) =>
      y.positional('url', { type: 'string', demandOption: true, describe: 'ws://HOST:PORT' }).options({
        token: { type: 'string', describe: 'The token that the coordinator printed (default: $MANYGRAD_TOKEN)' },
        threads: { type: 'number', default: cores, describe: 'Worker threads' },
        name: { type: 'string', describe: 'What to be called (default: host:pid)' },
        model: {
          type: 'string',
          array: true,
          nargs: 1,
          default: [],
          describe: 'A model file (.ts) that the run may train: others are refused',
        },
        'trust-code': trustCode,
      }),
    async (a) => {
      checkNode();
      const { work } = await import('./cli/worker.ts');
      process.exitCode = await work({
        url: a.url,
        token: a.token ?? process.env.MANYGRAD_TOKEN,
        threads: whole('threads', a.threads, 1),
        name: a.name,
        models: a.model,
        trustCode: a.trustCode,
        mode: outputMode(a),
      });
    },
  )
  .command(
    'sample <from>',
    'Draw new lines from a trained model, or let it go on with a text',
    (y) =>
      y
        .positional('from', { type: 'string', demandOption: true, describe: "A run's folder, or a checkpoint" })
        .options({
          count: { type: 'number', requiresArg: true, describe: 'How many (default: 20 lines, or one text)' },
          length: {
            type: 'number',
            requiresArg: true,
            describe: 'New characters of a text (default: 500); of a line the most (default: 200)',
          },
          seed: { type: 'number', requiresArg: true, default: 42, describe: 'Seed of the draws' },
          temperature: {
            type: 'number',
            requiresArg: true,
            default: 1,
            describe: 'Below 1 safer, above 1 wilder; 0 always takes the likeliest character',
          },
          'top-k': {
            type: 'number',
            requiresArg: true,
            describe: 'Draw among so many of the likeliest characters (default: all)',
          },
          'top-p': {
            type: 'number',
            requiresArg: true,
            describe:
              'Draw among the fewest of the likeliest characters that together reach this probability, such as 0.9',
          },
          prompt: { type: 'string', requiresArg: true, default: '', describe: 'How every sample begins' },
          'trust-code': trustCode,
        }),
    async (a) => {
      checkNode();
      const { sample } = await import('./cli/sample.ts');
      const { from, seed, temperature, prompt, json } = a;
      await sample({
        from,
        count: a.count === undefined ? undefined : whole('count', a.count, 0),
        length: a.length === undefined ? undefined : whole('length', a.length, 1),
        seed: whole('seed', seed, 0),
        temperature,
        topK: a.topK === undefined ? undefined : whole('top-k', a.topK, 1),
        topP: a.topP,
        prompt,
        json,
        trustCode: a.trustCode,
      });
    },
  )
  .command(
    'eval <from>',
    "Measure a trained model's loss on its data, or on other data",
    (y) =>
      y
        .positional('from', { type: 'string', demandOption: true, describe: "A run's folder, or a checkpoint" })
        .options({
          split: {
            type: 'string',
            array: true,
            nargs: 1,
            describe: 'train, val or test (default: train and val); looks at the test set are counted',
          },
          data: {
            type: 'string',
            requiresArg: true,
            describe: 'Another text file, measured whole if no --split is given; or the new place of the old one',
          },
          threads: { type: 'number', requiresArg: true, default: cores, describe: 'Worker threads' },
          'trust-code': trustCode,
        }),
    async (a) => {
      checkNode();
      const { evaluateModel } = await import('./cli/eval.ts');
      await evaluateModel({
        from: a.from,
        splits: a.split,
        data: a.data,
        threads: whole('threads', a.threads, 1),
        trustCode: a.trustCode,
        mode: outputMode(a),
      });
    },
  )
  .command(
    'report <run>',
    'Write a page of figures about a run: its course, its layers, what it learned',
    (y) =>
      y.positional('run', { type: 'string', demandOption: true, describe: "A run's folder" }).options({
        out: { type: 'string', describe: "The page (default: report.html in the run's folder)" },
        'trust-code': trustCode,
      }),
    async (a) => {
      checkNode();
      const { report } = await import('./cli/report.ts');
      const { run, out, trustCode } = a;
      await report({ run, out, trustCode, mode: outputMode(a) });
    },
  )
  .command(
    'lecture <name>',
    "A lecture's own experiments, told step by step",
    (y) =>
      y.positional('name', { type: 'string', demandOption: true, describe: lectureNames.join(', ') }).options({
        data: {
          type: 'string',
          default: 'names',
          describe: 'A text file, one example a line (default: the built-in names)',
        },
        out: { type: 'string', describe: 'The folder for pictures (default: runs/lecture-<name>)' },
        steps: { type: 'number', describe: 'Steps of what it trains, where it trains' },
      }),
    async (a) => {
      checkNode();
      const { lecture } = await import('./cli/lecture.ts');
      const { name, data, out, steps } = a;
      await lecture({ name, data, out, steps: steps === undefined ? undefined : whole('steps', steps, 1) });
    },
  )
  .command(
    'bench',
    'Measure how fast this machine multiplies and trains',
    (y) =>
      y.options({
        workloads: {
          type: 'string',
          describe: 'Of mlp,wavenet,gpt-nano,gpt-micro,gpt-mini,gpt2-124m (default: all but the last)',
        },
        threads: { type: 'number', describe: 'Also measure runs on so many worker threads' },
      }),
    async (a) => {
      checkNode();
      const { bench } = await import('./cli/bench.ts');
      await bench({
        workloads: a.workloads,
        threads: a.threads === undefined ? undefined : whole('threads', a.threads, 1),
        json: a.json,
        quiet: a.quiet,
      });
    },
  )
  .demandCommand(1, 'Say what to do: train, worker, sample, eval, report, lecture, lr-find, sweep or bench.')
  .strict()
  .check(checkRepeated, true)
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .fail((message: string | null, error: Error | undefined) => {
    // yargs has errors of its own for some of what it says in words for the rest.
    if (error !== undefined && error.name !== 'YError') throw error;
    const said = message ?? error?.message ?? '';
    const what = said.startsWith('Not enough non-option') ? 'the command lacks what it is to be done with' : said;
    throw new UserError(`${what}: see manygrad --help.`);
  });

// Whoever read the output has gone (as in `| head`): leave as if asked to, checkpoint and all.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.kill(process.pid, 'SIGTERM');
});

try {
  await parser.parseAsync();
} catch (error) {
  // Anything but a UserError is a defect of ours, shown whole.
  console.error(error instanceof UserError ? `manygrad: ${error.message}` : error);
  process.exitCode = 1;
}
