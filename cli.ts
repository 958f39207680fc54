#!/usr/bin/env node
/** The one binary: parses the command line and calls a room. A command's flags are in cli/flags/, its work is in cli/. */
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { addBench } from './cli/flags/bench.ts';
import { addEval } from './cli/flags/eval.ts';
import { addGrow } from './cli/flags/grow.ts';
import { addLecture } from './cli/flags/lecture.ts';
import { addLrFind } from './cli/flags/lrFind.ts';
import { addReport } from './cli/flags/report.ts';
import { addSample } from './cli/flags/sample.ts';
import { addSimulate } from './cli/flags/simulate.ts';
import { addSweep } from './cli/flags/sweep.ts';
import { addToken } from './cli/flags/token.ts';
import { addTokenizer } from './cli/flags/tokenizer.ts';
import { addTrain } from './cli/flags/train.ts';
import { addWorker } from './cli/flags/worker.ts';
import { UserError } from './core/errors.ts';

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

const parser = yargs(hideBin(process.argv))
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
  .check(checkRepeated, true)
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .fail((message: string | null, error: Error | undefined) => {
    // yargs has errors of its own for some of what it says in words for the rest.
    if (error !== undefined && error.name !== 'YError') throw error;
    const said = message ?? error?.message ?? '';
    const what = said.startsWith('Not enough non-option') ? 'the command lacks what it is to be done with' : said;
    throw new UserError(`${what}: see manygrad --help.`);
  });

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
for (const add of COMMANDS) add(parser);

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
