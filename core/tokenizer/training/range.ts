/** A piece of a file, and its bytes. Node only. */
import { open } from 'node:fs/promises';
import { UserError } from '../../errors.ts';

/** Bytes [from, to) of a file. */
export interface FileRange {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** @throws UserError where the file no longer has all of the range */
export async function readRange({ file, from, to }: FileRange): Promise<Uint8Array<ArrayBuffer>> {
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
