#!/usr/bin/env node
/** The one binary: does what its arguments say (cli/commands.ts), and prints what is wrong with them. */
import { hideBin } from 'yargs/helpers';
import { run } from './cli/commands.ts';
import { UserError } from './core/errors.ts';

// Whoever read the output has gone (as in `| head`), or it is full: leave as if asked to, checkpoint and all.
let isLeaving = false;
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (isLeaving) return;
  isLeaving = true;
  if (code !== 'EPIPE')
    console.error(`manygrad: standard output cannot be written (${code ?? message}): send it elsewhere, or make room.`);
  process.kill(process.pid, 'SIGTERM');
});

try {
  await run(hideBin(process.argv));
} catch (error) {
  // Anything but a UserError is a defect of ours, shown whole.
  console.error(error instanceof UserError ? `manygrad: ${error.message}` : error);
  process.exitCode = 1;
}
