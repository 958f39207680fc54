/** The flags of `manygrad simulate`. */
import { UserError } from '../../core/errors.ts';
import { outputMode } from '../output.ts';
import { checkNode, type Parser, trustCode, whole } from './common.ts';

export function addSimulate(parser: Parser): void {
  parser.command(
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
      const { simulate, simulateFaults } = await import('../simulate.ts');
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
  );
}
