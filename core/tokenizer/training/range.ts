/** A piece of a file, and its bytes. Node only. */
import { open } from 'node:fs/promises';
import { codeOf } from '../../disk/errors.ts';
import { UserError } from '../../errors.ts';

/** Bytes [from, to) of a file. */
export interface FileRange {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** @throws UserError where the file cannot be read, or no longer has all of the range */
export async function readRange(range: FileRange): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await read(range);
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    throw new UserError(`${range.file} cannot be read any more (${code}): see that it is there, and begin again.`);
  }
}

async function read({ file, from, to }: FileRange): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(to - from);
  const handle = await open(file);
  try {
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, from + at);
      if (bytesRead === 0)
        throw new UserError(`${file} has become shorter while it was read: leave it as it is, and begin again.`);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return bytes;
}
