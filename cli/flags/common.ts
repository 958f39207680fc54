/** What the commands' flags have in common: what is read of them, and the flags that many have. */
import { availableParallelism } from 'node:os';
import type { Argv } from 'yargs';
import { UserError } from '../../core/errors.ts';
import { inWords, LOG_LEVELS } from '../output.ts';

/** The parser, with the flags of every command. */
export type Parser = Argv<{ json: boolean; quiet: boolean }>;

const OLDEST_NODE = 24;

/** @throws UserError if this Node cannot run the kernels */
export function checkNode(): void {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE)
    throw new UserError(
      `manygrad needs Node ${OLDEST_NODE} or later and this is ${process.version}: run it as  npx -p node@${OLDEST_NODE} -p manygrad manygrad ...`,
    );
}

/** A flag that must be a whole number of at least `least`. */
export function whole(flag: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least)
    throw new UserError(`--${flag} must be a whole number of at least ${least}; it was given ${inWords(value)}.`);
  if (!Number.isSafeInteger(value))
    throw new UserError(`--${flag} must be at most ${Number.MAX_SAFE_INTEGER}; it was given ${value}.`);
  return value;
}

/** A flag in seconds, parts of one allowed. */
export function seconds(flag: string, value: number): number {
  // A timer counts to 2^31 milliseconds.
  if (value >= 0 && value <= 1_000_000) return value;
  throw new UserError(`--${flag} must be a number of seconds, of at most 1000000; it was given ${value}.`);
}

export const cores = availableParallelism();

export const grace = (what: string) => ({ type: 'number', default: 10, describe: `Seconds that ${what}` }) as const;

export const trustCode = {
  type: 'boolean',
  default: false,
  describe: 'Run the code of a model that a coordinator, a folder, a checkpoint or a recipe brings',
} as const;

export const logging = {
  log: { type: 'string', nargs: 1, describe: 'Add JSON lines of what happens to a file; - for stderr' },
  'log-level': {
    choices: LOG_LEVELS,
    default: 'info' as const,
    describe: 'The least that is logged; debug: every step',
  },
} as const;
