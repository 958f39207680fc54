/**
 * Two things that yargs loses of a command line: a lone `-` among what stands without flags, and all that follows `--`. Both are marked
 * before it reads them, so that they are texts like others, and unmarked after.
 */

/** No argument of a process can have it. */
const MARK = '\0';

/** The arguments with `-`, and what follows `--`, marked. */
export function markTexts(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const flags = end < 0 ? args : args.slice(0, end);
  const texts = end < 0 ? [] : args.slice(end + 1);
  return [...flags.map((arg) => (arg === '-' ? MARK + arg : arg)), ...texts.map((arg) => MARK + arg)];
}

const unmark = (value: unknown): unknown =>
  typeof value === 'string' && value.startsWith(MARK) ? value.slice(MARK.length) : value;

/** What was parsed, as it was written. */
export function unmarkTexts(parsed: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(parsed))
    parsed[name] = Array.isArray(value) ? value.map(unmark) : unmark(value);
}
