// Text as training lines: from the bytes of a file to its lines, with one-sentence errors. Pure, so that a tab can use
// it; files are opened by load.ts.

import { UserError } from '../errors.ts';
import { decodeText } from './text.ts';

/** The lines of a text that are not blank. `numbers[i]` is where lines[i] stands in the text, counting from 1. */
export interface Lines {
  readonly lines: string[];
  readonly numbers: number[];
}

/**
 * Cuts UTF-8 bytes into lines at "\n", and drops one "\r" at a line's end and a byte-order mark at the start.
 * Lines with nothing but white space are ignored; any other white space is kept, since it may be part of the data.
 *
 * @param name what to call the text in an error
 * @throws UserError where the text is empty, blank, too large or not UTF-8
 */
export function parseLines(bytes: Uint8Array, name: string): Lines {
  const lines: string[] = [];
  const numbers: number[] = [];
  for (const [index, raw] of decodeText(bytes, name).split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.trim() === '') continue;
    lines.push(line);
    numbers.push(index + 1);
  }
  if (lines.length === 0) {
    const what = bytes.length === 0 ? 'is empty' : 'has only blank lines';
    throw new UserError(`${name} ${what}: give a text file with one example a line.`);
  }
  return { lines, numbers };
}
