/** The flags of `manygrad lr-find`. */
import { outputMode } from '../output.ts';
import { checkNode, cores, type Parser, trustCode, whole } from './common.ts';

export function addLrFind(parser: Parser): void {
  parser.command(
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
      const { lrFind } = await import('../lrFind.ts');
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
  );
}
