// Splits a data set's lines into training, validation and test sets. By whole words, so that no word's beginning is
// trained on while its end is tested.

import { UserError } from '../errors.ts';
import { Site, Stream } from '../random/streams.ts';

/** The fewest lines of which none of the three sets is empty. */
export const MIN_LINES = 6;

export interface Split {
  readonly train: string[];
  readonly val: string[];
  readonly test: string[];
}

/**
 * 80 % of the lines to train on, 10 % to validate, 10 % to test, in an order drawn from the seed. With n lines the cuts
 * are at floor(0.8 n) and floor(0.9 n), as in makemore. A line that occurs twice is two lines.
 *
 * @throws UserError where a set would be empty
 */
export function splitLines(lines: readonly string[], seed: number): Split {
  if (lines.length < MIN_LINES) {
    throw new UserError(
      `${lines.length} ${lines.length === 1 ? 'line is' : 'lines are'} too few to split into training, validation and ` +
        `test sets: give at least ${MIN_LINES}.`,
    );
  }
  const shuffled: string[] = [];
  for (const index of new Stream(seed, Site.split).permutation(lines.length)) shuffled.push(lines[index] ?? '');
  const first = Math.floor((lines.length * 8) / 10);
  const second = Math.floor((lines.length * 9) / 10);
  return { train: shuffled.slice(0, first), val: shuffled.slice(first, second), test: shuffled.slice(second) };
}
