/** The flags of `manygrad train`. */
import { UserError } from '../../core/errors.ts';
import { outputMode } from '../output.ts';
import { checkNode, type Parser, trustCode, whole } from './common.ts';
import { parseWorkforce, workforce } from './workforce.ts';

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

export function addTrain(parser: Parser): void {
  parser.command(
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
              'A text file: one example a line, or running text for a GPT, or a folder of token shards (default: names and sonnets that are built in)',
          },
          tokenizer: {
            type: 'string',
            requiresArg: true,
            describe:
              "Spell text in tokens: of gpt2 or another published tokenizer, or of a tokenizer's file (default: in characters)",
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
      const { train } = await import('../train.ts');
      process.exitCode = await train({
        target: a.preset,
        resume: a.resume,
        out: a.out,
        steps: a.steps === undefined ? undefined : whole('steps', a.steps, 1),
        seed: a.seed,
        data: a.data,
        tokenizer: a.tokenizer,
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
  );
}
