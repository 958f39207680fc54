/** The flags of `manygrad bench`. */
import { checkNode, type Parser, whole } from './common.ts';

export function addBench(parser: Parser): void {
  parser.command(
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
      const { bench } = await import('../bench.ts');
      await bench({
        workloads: a.workloads,
        threads: a.threads === undefined ? undefined : whole('threads', a.threads, 1),
        json: a.json,
        quiet: a.quiet,
      });
    },
  );
}
