/**
 * `npm run soak -- --minutes 10 --seed 7`: a soak of real processes on this machine (soak.ts). It exits with 0 if all holds;
 * otherwise it says what does not, and leaves the run's folder for a look. `--json` prints the report alone, as one line.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { UserError } from '../../core/errors.ts';
import { scratch } from '../support/cli.ts';
import { progressLine, reportLines } from './report.ts';
import { soak } from './soak.ts';

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** All that processes say is kept until the end. */
const MAX_MINUTES = 120;

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    /** Of the faults and of the run. */
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(flags.minutes);
const seed = Number(flags.seed);
const say = (text: string) => {
  if (!flags.json) console.log(text);
};

const interrupted = new AbortController();
for (const [signal, code] of Object.entries(CODES))
  process.once(signal, () => {
    process.exitCode = code;
    interrupted.abort(new UserError(`the soak was stopped by ${signal}.`));
  });

const { dir, remove } = scratch();
try {
  if (!(minutes > 0 && minutes <= MAX_MINUTES))
    throw new UserError(`--minutes ${flags.minutes} is no time for a soak: give a number up to ${MAX_MINUTES}.`);
  if (!existsSync('/proc/self/status'))
    throw new UserError('a soak reads the memory of its processes from /proc: run it on Linux.');
  if (!Number.isSafeInteger(seed)) throw new UserError(`--seed ${flags.seed} is no whole number.`);
  say(`Soaking for ${minutes} minutes, seed ${seed}; then the same steps undisturbed. Files: ${dir}`);
  const report = await soak({
    seed,
    seconds: minutes * 60,
    workers: 6,
    coordinatorKills: 3,
    gap: [2, 6],
    dir,
    onProgress: (progress) => say(progressLine(progress)),
    signal: interrupted.signal,
  });
  if (flags.json) console.log(JSON.stringify(report));
  for (const line of reportLines(report)) say(line);
  if (report.failures.length === 0) remove();
  else process.exitCode = 1;
} catch (error) {
  console.error(error instanceof UserError ? `soak: ${error.message}` : error);
  if (error instanceof UserError) remove();
  process.exitCode ??= 1;
}
