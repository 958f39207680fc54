// Opens a data set by name or path. Node only: what is pure (lines, vocabulary, split, contexts) is in the files beside.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { type Lines, MAX_TEXT_BYTES, parseLines } from './lines.ts';

const NAMES = new URL('./names/names2018.txt.br', import.meta.url);

/** A text data set: its lines, what it is called, and the SHA-256 (hex) of its raw bytes, which identifies it. */
export interface LoadedLines extends Lines {
  readonly sha256: string;
  readonly name: string;
}

/**
 * The lines of a data set, in their order.
 *
 * @param source `names`, the built-in list (first names given in the US in 2018; see names/extract.mjs), or the path of
 *   a text file. A file that is itself called `names` is reached as `./names`.
 * @throws UserError where the file cannot be read or holds no lines
 */
export async function loadLines(source: string): Promise<LoadedLines> {
  const bytes = source === 'names' ? await promisify(brotliDecompress)(await readFile(NAMES)) : await readText(source);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...parseLines(bytes, source), sha256, name: source };
}

async function readText(path: string): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new UserError(`${path} is a directory: give the path of a text file.`);
    if (!found.isFile() && !found.isFIFO()) throw new UserError(`${path} is not a file: give the path of a text file.`);
    if (found.size > MAX_TEXT_BYTES) {
      throw new UserError(
        `${path} has ${found.size} bytes, more than the ${MAX_TEXT_BYTES} that can be read as lines: give a smaller file.`,
      );
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { success, data } = z.object({ code: z.string() }).safeParse(error);
    const code = success ? data.code : String(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError(`${path} does not exist: give the path of a text file, or "names" for the built-in names.`);
    }
    throw new UserError(`${path} cannot be read (${code}): check its permissions, or give another file.`);
  }
}
