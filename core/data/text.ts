// The bytes of a text file as a string, with one-sentence errors: what lines.ts cuts into lines, and running text itself.
// Pure, so that a tab can use it; files are opened by load.ts.

import { UserError } from '../errors.ts';

/** The longest text, in bytes: beyond it JavaScript strings and line lists stop being sensible. */
export const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/**
 * Decodes UTF-8 and drops a byte-order mark at the start.
 *
 * @param name what to call the text in an error
 * @throws UserError where it is too large or not UTF-8
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  if (bytes.length > MAX_TEXT_BYTES) {
    throw new UserError(
      `${name} has ${bytes.length} bytes, more than the ${MAX_TEXT_BYTES} that can be read as text: give a smaller file.`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${name} is not valid UTF-8 text: save it as UTF-8, or give another file.`);
  }
}

/**
 * Running text, every character of it. "\r\n" and "\r" become "\n", as when Python opens a text file.
 *
 * @throws UserError where it is empty, too large or not UTF-8
 */
export function parseText(bytes: Uint8Array, name: string): string {
  const text = decodeText(bytes, name).replaceAll(/\r\n?/g, '\n');
  if (text === '') throw new UserError(`${name} is empty: give a file with text.`);
  return text;
}
