/** The flags of `manygrad eval`. */
import { outputMode } from '../output.ts';
import { checkNode, cores, type Parser, trustCode, whole } from './common.ts';

export function addEval(parser: Parser): void {
  parser.command(
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
      const { evaluateModel } = await import('../eval.ts');
      await evaluateModel({
        from: a.from,
        splits: a.split,
        data: a.data,
        threads: whole('threads', a.threads, 1),
        trustCode: a.trustCode,
        mode: outputMode(a),
      });
    },
  );
}
