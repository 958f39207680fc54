/** The flags of `manygrad lecture`. */
import { lectureNames } from '../lecture.ts';
import { checkNode, type Parser, whole } from './common.ts';

export function addLecture(parser: Parser): void {
  parser.command(
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
      const { lecture } = await import('../lecture.ts');
      const { name, data, out, steps } = a;
      await lecture({ name, data, out, steps: steps === undefined ? undefined : whole('steps', steps, 1) });
    },
  );
}
