/** The flags of `manygrad sweep`. */
import { outputMode } from '../output.ts';
import { checkNode, type Parser, trustCode } from './common.ts';
import { parseWorkforce, workforce } from './workforce.ts';

export function addSweep(parser: Parser): void {
  parser.command(
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
      const { sweep } = await import('../sweep.ts');
      const { file, out, trustCode } = a;
      process.exitCode = await sweep({ file, out, trustCode, mode: outputMode(a), ...parseWorkforce(a) });
    },
  );
}
