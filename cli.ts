#!/usr/bin/env node
/** The one binary: parses the command line and calls a room. Each command's work is in cli/. */
import { availableParallelism } from 'node:os';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { lectureNames } from './cli/lecture.ts';
import { inWords, LOG_LEVELS, outputMode } from './cli/output.ts';
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

/** --verify [adaptive | all | off]. */
function parseVerify(value: string | undefined): 'off' | 'adaptive' | 'all' {
  switch (value) {
    case undefined:
    case 'off':
      return 'off';
    case '':
    case 'adaptive':
      return 'adaptive';
    case 'all':
      return 'all';
    default:
      throw new UserError(`--verify ${value} is no way to verify: write --verify, or --verify all.`);
  }
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
const REPEATED: readonly string[] = ['set', 'split', 'model', 'workers'];

/** @throws UserError if another flag was: yargs makes a list of its values */
function checkRepeated(given: Readonly<Record<string, unknown>>): true {
  for (const [flag, value] of Object.entries(given))
    if (Array.isArray(value) && flag !== '_' && !REPEATED.includes(flag))
      throw new UserError(`--${flag} was given ${value.length} times (${value.join(', ')}): give it once.`);
  return true;
}

/** A flag in seconds, parts of one allowed. */
function seconds(flag: string, value: number): number {
  // A timer counts to 2^31 milliseconds.
  if (value >= 0 && value <= 1_000_000) return value;
  throw new UserError(`--${flag} must be a number of seconds, of at most 1000000; it was given ${value}.`);
}

const cores = availableParallelism();

const grace = (what: string) => ({ type: 'number', default: 10, describe: `Seconds that ${what}` }) as const;

const trustCode = {
  type: 'boolean',
  default: false,
  describe: 'Run the code of a model that a coordinator, a folder, a checkpoint or a recipe brings',
} as const;

const logging = {
  log: { type: 'string', nargs: 1, describe: 'Add JSON lines of what happens to a file; - for stderr' },
  'log-level': {
    choices: LOG_LEVELS,
    default: 'info' as const,
    describe: 'The least that is logged; debug: every step',
  },
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
    describe: 'What a worker must present (default: $MANYGRAD_TOKEN, or drawn and printed); none: only --tokens count',
  },
  tokens: { type: 'string', describe: "A file of workers' own tokens (see manygrad token); heeded when it changes" },
  'tls-cert': { type: 'string', describe: 'Speak TLS: the certificate, a PEM file; read again when it changes' },
  'tls-key': { type: 'string', describe: 'Its private key, a PEM file' },
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
  grace: grace('SIGTERM gives the step under way'),
  ...logging,
} as const;

function parseWorkforce(a: {
  readonly threads: number;
  readonly listen: string | undefined;
  readonly minWorkers: number;
  readonly token: string | undefined;
  readonly tokens: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly key: string | undefined;
  readonly by: string;
  readonly numerics: 'exact' | 'any';
  readonly grace: number;
  readonly log: string | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}) {
  const { tlsCert: cert, tlsKey: key } = a;
  if ((cert === undefined) !== (key === undefined))
    throw new UserError('--tls-cert and --tls-key belong together: give both, or neither.');
  return {
    threads: whole('threads', a.threads, 0),
    listen: a.listen === undefined ? undefined : parseListen(a.listen),
    minWorkers: whole('min-workers', a.minWorkers, 0),
    token: a.token ?? process.env.MANYGRAD_TOKEN,
    tokens: a.tokens,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    key: a.key ?? process.env.MANYGRAD_KEY,
    by: a.by,
    numerics: a.numerics,
    grace: seconds('grace', a.grace),
    log: a.log,
    logLevel: a.logLevel,
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
          'checkpoint-seconds': {
            type: 'number',
            default: 300,
            describe: 'Seconds after which a step ends with a checkpoint as well; 0: never',
          },
          'keep-checkpoints': { type: 'number', default: 3, describe: 'How many of the newest checkpoints to keep' },
          'keep-every': {
            type: 'number',
            default: 0,
            describe: 'Keep checkpoints for good whose step is a multiple of this; 0: none',
          },
          'eval-every': {
            type: 'number',
            describe: 'Steps between validations; 0: only at the end (default: a tenth)',
          },
          verify: {
            type: 'string',
            describe:
              "Compute strangers' work again before it counts: --verify, more rarely the longer they are found right; --verify all, always",
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
        checkpointSeconds: whole('checkpoint-seconds', a.checkpointSeconds, 0),
        keepCheckpoints: whole('keep-checkpoints', a.keepCheckpoints, 1),
        keepEvery: whole('keep-every', a.keepEvery, 0),
        evalEvery: a.evalEvery === undefined ? undefined : whole('eval-every', a.evalEvery, 0),
        verify: parseVerify(a.verify),
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
      y.positional('url', { type: 'string', demandOption: true, describe: 'ws://HOST:PORT, or wss://' }).options({
        token: { type: 'string', describe: 'The token that the coordinator printed (default: $MANYGRAD_TOKEN)' },
        'tls-ca': {
          type: 'string',
          describe: "The authority of a wss:// coordinator's certificate, or the certificate itself: a PEM file",
        },
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
        grace: grace('Ctrl-C or SIGTERM gives the work in hand'),
        ...logging,
      }),
    async (a) => {
      checkNode();
      const { work } = await import('./cli/worker.ts');
      process.exitCode = await work({
        url: a.url,
        token: a.token ?? process.env.MANYGRAD_TOKEN,
        tlsCa: a.tlsCa,
        threads: whole('threads', a.threads, 1),
        name: a.name,
        models: a.model,
        trustCode: a.trustCode,
        grace: seconds('grace', a.grace),
        log: a.log,
        logLevel: a.logLevel,
        mode: outputMode(a),
      });
    },
  )
  .command('token', "Make and revoke workers' own tokens, in a file for train --tokens", (y) =>
    y
      .options({ tokens: { type: 'string', default: 'tokens.json', describe: 'The file' } })
      .command(
        'add <name>',
        'Make a token, and print it once',
        (yy) =>
          yy
            .positional('name', { type: 'string', demandOption: true, describe: 'Whose it is' })
            .options({ trusted: { type: 'boolean', default: false, describe: 'Its work needs no checking' } }),
        async (a) => {
          const { add } = await import('./cli/token.ts');
          add({ tokens: a.tokens, mode: outputMode(a) }, a.name, a.trusted);
        },
      )

      .command(
        'list',
        'Say whose tokens there are',
        (yy) => yy,
        async (a) => {
          const { list } = await import('./cli/token.ts');
          list({ tokens: a.tokens, mode: outputMode(a) });
        },
      )
      .command(
        'revoke <name>',
        'Take a token out of the file: its worker is sent away',
        (yy) => yy.positional('name', { type: 'string', demandOption: true, describe: 'Whose it is' }),
        async (a) => {
          const { revoke } = await import('./cli/token.ts');
          revoke({ tokens: a.tokens, mode: outputMode(a) }, a.name);
        },
      )
      .demandCommand(1, 'Say what to do with tokens: add, list or revoke.'),
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
    'simulate [what]',
    'Ask how fast a run would be on workers that you have not got; or, with --schedules, play random faults',
    (y) =>
      y
        .positional('what', { type: 'string', describe: 'A preset, or the path of a recipe (.yaml) or a model (.ts)' })
        .options({
          workers: {
            type: 'string',
            array: true,
            nargs: 1,
            default: [],
            describe:
              'So many workers of a kind: 8:speed=0.5,threads=2,up=5,down=50,latency=100,jitter=50 (Mbit/s, ms one way; speed beside a thread here, or ms=40 a micro-batch)',
          },
          threads: { type: 'number', default: 0, describe: "The coordinator's own worker threads" },
          line: {
            type: 'number',
            default: Number.POSITIVE_INFINITY,
            describe: "The coordinator's line, Mbit/s each way (default: never the bottleneck)",
          },
          parameters: { type: 'number', describe: "A model of so many parameters, otherwise like the recipe's" },
          data: { type: 'string', describe: 'A text file, as for train' },
          set: { type: 'string', array: true, nargs: 1, describe: 'Change a field of the recipe: --set batch=2048' },
          schedules: {
            type: 'number',
            describe: 'Play so many random schedules of faults; each must end with the same bits',
          },
          seed: { type: 'number', default: 1, describe: 'Of the first schedule' },
          'trust-code': trustCode,
        }),
    async (a) => {
      checkNode();
      const { simulate, simulateFaults } = await import('./cli/simulate.ts');
      const mode = outputMode(a);
      if (a.schedules !== undefined) {
        const schedules = whole('schedules', a.schedules, 1);
        process.exitCode = await simulateFaults({ schedules, seed: whole('seed', a.seed, 0), mode });
        return;
      }
      if (a.what === undefined)
        throw new UserError(
          'say what would be trained, a preset such as names-wavenet; or how many --schedules to play.',
        );
      if (!(a.line > 0)) throw new UserError(`--line ${a.line} is no speed: give it in megabits a second.`);
      await simulate({
        target: a.what,
        workers: a.workers,
        threads: whole('threads', a.threads, 0),
        line: a.line,
        parameters: a.parameters === undefined ? undefined : whole('parameters', a.parameters, 1),
        data: a.data,
        set: a.set,
        trustCode: a.trustCode,
        mode,
      });
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
  .demandCommand(1, 'Say what to do: train, worker, token, sample, eval, report, lecture, lr-find, sweep or bench.')
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
