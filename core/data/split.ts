// Splits a data set into what is trained on and what is not. Lines by whole words, so that no word's beginning is trained on
// while its end is tested; running text by position, so that no window spans both.

import { UserError } from '../errors.ts';
import { PythonRandom } from '../random/python.ts';
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
  checkEnough(lines);
  const order = new Stream(seed, Site.split).permutation(lines.length);
  return cut(Array.from(order, (index) => lines[index] ?? ''));
}

/** The seed with which the lectures' notebooks shuffle, whatever else they draw. */
const NOTEBOOK_SEED = 42;

/** The same cuts after Python's random.seed(42) and random.shuffle, as in the lectures' notebooks. @throws UserError */
export function splitLinesAsNotebook(lines: readonly string[]): Split {
  checkEnough(lines);
  const shuffled = [...lines];
  new PythonRandom(NOTEBOOK_SEED).shuffle(shuffled);
  return cut(shuffled);
}

function checkEnough(lines: readonly string[]): void {
  if (lines.length < MIN_LINES) {
    throw new UserError(
      `${lines.length} ${lines.length === 1 ? 'line is' : 'lines are'} too few to split into training, validation and ` +
        `test sets: give at least ${MIN_LINES}.`,
    );
  }
}

function cut(shuffled: readonly string[]): Split {
  const first = Math.floor((shuffled.length * 8) / 10);
  const second = Math.floor((shuffled.length * 9) / 10);
  return { train: shuffled.slice(0, first), val: shuffled.slice(first, second), test: shuffled.slice(second) };
}

/**
 * The first 90 % of a text to train on, the rest to validate, in its own order: the cut is at floor(0.9 n), as in the lecture.
 *
 * @param blockSize each part must hold a window of so many tokens, and the token after it
 * @param name what to call the text in an error
 * @param unit what it is made of
 * @throws UserError where the text is too short for that
 */
export function splitTokens(
  tokens: Uint16Array<ArrayBuffer>,
  blockSize: number,
  name: string,
  unit: 'character' | 'token' = 'character',
): { readonly train: Uint16Array<ArrayBuffer>; readonly val: Uint16Array<ArrayBuffer> } {
  const cut = Math.floor((tokens.length * 9) / 10);
  const [train, val] = [tokens.subarray(0, cut), tokens.subarray(cut)];
  // The last tenth is the shorter part: where it holds a window, so do the other nine.
  if (val.length <= blockSize) {
    throw new UserError(
      `${name} has ${tokens.length} ${unit}s, whose last tenth, to validate, holds no window of ${blockSize} and the ` +
        `${unit} after it: give a text of at least ${10 * blockSize + 1}, or lower model.blockSize.`,
    );
  }
  return { train, val };
}
