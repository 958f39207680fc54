/** The files that shards are made of: found in folders, told apart by their names' endings, and known again. Node only. */
import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { codeOf } from '../../disk/errors.ts';
import { UserError } from '../../errors.ts';

export type InputKind = 'text' | 'jsonl' | 'parquet';

export interface Input {
  readonly path: string;
  readonly kind: InputKind;
  readonly bytes: number;
  /** Of its size and its ends, in hex: reading all of it to know it again would take as long as making shards of it. */
  readonly sha256: string;
}

const END_BYTES = 1 << 16;

/**
 * Files as they are, folders with what is in and below them in the order of names; what is hidden is passed over.
 * @param except a folder that is passed over as well: that of the shards, which may be below
 * @throws UserError where one is not there, or there is no file at all
 */
export async function findInputs(paths: readonly string[], except: string): Promise<Input[]> {
  const inputs: Input[] = [];
  try {
    for (const path of paths) for await (const file of filesAt(path, resolve(except))) inputs.push(await inputAt(file));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${paths.join(', ')} cannot be read (${codeOf(error) ?? String(error)}): give files of text, JSON lines or Parquet, or folders of them.`,
    );
  }
  if (inputs.length === 0)
    throw new UserError(`there is no file in ${paths.join(', ')}: give files of text, JSON lines or Parquet.`);
  return inputs;
}

async function* filesAt(path: string, except: string): AsyncGenerator<string> {
  if (resolve(path) === except) return;
  if (!(await stat(path)).isDirectory()) return yield path;
  // By code unit: the same everywhere.
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  for (const name of names) yield* filesAt(join(path, name), except);
}

function kindOf(path: string): InputKind {
  if (/\.(jsonl|ndjson)$/i.test(path)) return 'jsonl';
  return /\.parquet$/i.test(path) ? 'parquet' : 'text';
}

async function inputAt(path: string): Promise<Input> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const hash = createHash('sha256').update(String(size));
    const end = new Uint8Array(END_BYTES);
    for (const from of [0, Math.max(0, size - END_BYTES)]) {
      const { bytesRead } = await handle.read(end, 0, END_BYTES, from);
      hash.update(end.subarray(0, bytesRead));
    }
    return { path, kind: kindOf(path), bytes: size, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}
