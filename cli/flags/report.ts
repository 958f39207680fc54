/** The flags of `manygrad report`. */
import { outputMode } from '../output.ts';
import { checkNode, type Parser, trustCode } from './common.ts';

export function addReport(parser: Parser): void {
  parser.command(
    'report <run>',
    'Write a page of figures about a run: its course, its layers, what it learned',
    (y) =>
      y.positional('run', { type: 'string', demandOption: true, describe: "A run's folder" }).options({
        out: { type: 'string', describe: "The page (default: report.html in the run's folder)" },
        'trust-code': trustCode,
      }),
    async (a) => {
      checkNode();
      const { report } = await import('../report.ts');
      const { run, out, trustCode } = a;
      await report({ run, out, trustCode, mode: outputMode(a) });
    },
  );
}
