/** The command line: each command with its flags (a file each in flags/), parsed, and what it says done. Printing what fails is cli.ts's. */
import yargs from 'yargs';
import { UserError } from '../core/errors.ts';
import { markTexts, unmarkTexts } from './flags/arguments.ts';
import { addBench } from './flags/bench.ts';
import { addEval } from './flags/eval.ts';
import { addGrow } from './flags/grow.ts';
import { addLecture } from './flags/lecture.ts';
import { addLrFind } from './flags/lrFind.ts';
import { addReport } from './flags/report.ts';
import { addSample } from './flags/sample.ts';
import { addSimulate } from './flags/simulate.ts';
import { addSweep } from './flags/sweep.ts';
import { addToken } from './flags/token.ts';
import { addTokenizer } from './flags/tokenizer.ts';
import { addTrain } from './flags/train.ts';
import { addWorker } from './flags/worker.ts';

/** What may be given several times. */
const REPEATED: readonly string[] = [
  ...['set', 'split', 'model', 'workers'],
  // The tokenizer's: what stands without a flag is among them.
  ...['files', 'inputs', 'others', 'special', 'corpus', 'tokenizers'],
];

/** @throws UserError if another flag was: yargs makes a list of its values */
function checkRepeated(given: Readonly<Record<string, unknown>>): true {
  for (const [flag, value] of Object.entries(given))
    if (Array.isArray(value) && flag !== '_' && !REPEATED.includes(flag))
      throw new UserError(`--${flag} was given ${value.length} times (${value.join(', ')}): give it once.`);
  return true;
}

/** What yargs says of a command line that is wrong, in some cases on several lines. */
function inOneSentence(said: string): string {
  if (said.startsWith('Not enough non-option')) return 'the command lacks what it is to be done with';
  const [, flag, given, choices] = /Argument: (\S+), Given: (.*), Choices: (.*)/.exec(said) ?? [];
  return flag === undefined ? said.replaceAll(/\s*\n\s*/g, ' ') : `--${flag} is one of ${choices}, not ${given}`;
}

// In the order in which --help lists them.
const COMMANDS = [
  addTrain,
  addLrFind,
  addSweep,
  addWorker,
  addToken,
  addTokenizer,
  addSample,
  addEval,
  addGrow,
  addReport,
  addSimulate,
  addLecture,
  addBench,
];

/** Does what a command line says. @throws UserError */
export async function run(args: readonly string[]): Promise<void> {
  const parser = yargs(markTexts(args))
    .scriptName('manygrad')
    .usage('$0 <command>\n\nTrains neural networks on many threads and machines, to the same bits.')
    .options({
      json: { type: 'boolean', default: false, describe: 'Print JSON lines for a program', global: true },
      quiet: { type: 'boolean', default: false, describe: 'Print nothing but errors', global: true },
    })
    .demandCommand(
      1,
      'Say what to do: train, worker, token, tokenizer, sample, eval, grow, report, simulate, lecture, lr-find, sweep or bench',
    )
    .strict()
    .middleware(unmarkTexts, true)
    .check(checkRepeated, true)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message: string | null, error: Error | undefined) => {
      // yargs has errors of its own for some of what it says in words for the rest.
      if (error !== undefined && error.name !== 'YError') throw error;
      const said = message ?? error?.message ?? '';
      throw new UserError(`${inOneSentence(said)}: see manygrad --help.`);
    });
  for (const add of COMMANDS) add(parser);
  await parser.parseAsync();
}
