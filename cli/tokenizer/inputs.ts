/** What the tokenizer's commands read: files, standard input, or a text that was written on the command line. */
import { createReadStream, statSync } from 'node:fs';
import { codeOf } from '../../core/disk/errors.ts';
import { UserError } from '../../core/errors.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

export interface Input {
  /** For messages and JSON; a text's is its beginning. */
  readonly name: string;
  /** The text itself where it was given on the command line. */
  readonly text: string | null;
  /** The bytes from the beginning, once for standard input. @throws UserError */
  bytes(): AsyncIterable<Uint8Array>;
}

const STDIN: Input = { name: 'standard input', text: null, bytes: () => process.stdin };
const CHUNK = 2 ** 18;

/** Somebody who wrote this meant a file. */
const looksLikePath = (given: string): boolean =>
  /^(?:\.{0,2}|~)\/\S+$|^\S+\.(?:txt|md|json|jsonl|csv|bin|ids|html)$/.test(given);

/**
 * What was given, each the path of a file, a text, or `-` for standard input, which is read where nothing was given.
 * @throws UserError on the path of no file
 */
export function inputsOf(given: readonly string[]): Input[] {
  if (given.length > 0) return given.map(inputOf);
  if (process.stdin.isTTY)
    throw new UserError('there is nothing to read: give a text or the path of a file, or send something in by a pipe.');
  return [STDIN];
}

function inputOf(given: string): Input {
  if (given === '-') return STDIN;
  const found = statSync(given, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new UserError(`${given} is a folder: give the path of a file in it.`);
  if (found !== undefined) return fileInput(given);
  if (looksLikePath(given))
    throw new UserError(
      `${given} does not exist: give the path of a file, or send a text that looks like one by a pipe.`,
    );
  return textInput(given);
}

/** A file that must be one. @throws UserError */
export function fileInput(file: string): Input {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new UserError(`${file} is no file that can be read: give the path of a text file.`);
  return {
    name: file,
    text: null,
    async *bytes() {
      try {
        yield* createReadStream(file, { highWaterMark: CHUNK });
      } catch (error) {
        const code = codeOf(error);
        if (code === undefined) throw error;
        throw new UserError(`${file} cannot be read (${code}): see that it is there and may be read.`);
      }
    },
  };
}

export const textInput = (text: string): Input => ({
  name: text.length > 40 ? `${text.slice(0, 39)}…` : text,
  text,
  async *bytes() {
    yield toBytes(text);
  },
});
