/** Whole files on a disk: read, looked for, replaced, and read line by line. */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { codeOf } from './errors.ts';

const CHUNK_BYTES = 1 << 16;
const NEWLINE = 0x0a;

/** Opens a file to read it; null if there is none. */
export async function openIfThere(disk: Disk, file: string): Promise<DiskFile | null> {
  try {
    return await disk.open(file, 'read');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The bytes of a file; null if there is none. */
export async function readIfThere(disk: Disk, file: string): Promise<Uint8Array | null> {
  const handle = await openIfThere(disk, file);
  if (handle === null) return null;
  try {
    const bytes = new Uint8Array(await handle.size());
    return bytes.subarray(0, await handle.read(bytes, 0));
  } finally {
    await handle.close();
  }
}

/** What a file is called until it is whole. */
export const temporaryOf = (file: string): string => `${file}.tmp`;

/**
 * Replaces a file, or makes it: written to a temporary name by `write`, synced, renamed, and its folder synced. A crash
 * leaves the old file or the new one; a failure the old one, and nothing of the new.
 */
export async function replaceFile(disk: Disk, file: string, write: (handle: DiskFile) => Promise<void>): Promise<void> {
  const temporary = temporaryOf(file);
  try {
    const handle = await disk.open(temporary, 'write');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await disk.rename(temporary, file);
    await disk.syncFolder(dirname(file));
  } catch (error) {
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** A line of a file, without the newline that ends it. */
export interface FileLine {
  readonly text: string;
  /** Where in the file it ends, its newline included. */
  readonly end: number;
  /** False for a last line that no newline ends. */
  readonly isWhole: boolean;
}

/** The lines of a file, one after the other; none if it is not there. What is no UTF-8 comes as U+FFFD. */
export async function* linesOf(disk: Disk, file: string): AsyncGenerator<FileLine> {
  const handle = await openIfThere(disk, file);
  if (handle === null) return;
  try {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK_BYTES);
    /** Of a line that began in the chunks before. */
    let begun: Uint8Array[] = [];
    const line = (rest: Uint8Array) => decoder.decode(begun.length === 0 ? rest : Buffer.concat([...begun, rest]));
    let position = 0;
    for (;;) {
      const length = await handle.read(chunk, position);
      if (length === 0) break;
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to >= 0 && to < length; to = chunk.indexOf(NEWLINE, from)) {
        yield { text: line(chunk.subarray(from, to)), end: position + to + 1, isWhole: true };
        begun = [];
        from = to + 1;
      }
      if (from < length) begun.push(chunk.slice(from, length));
      position += length;
    }
    if (begun.length > 0) yield { text: line(new Uint8Array(0)), end: position, isWhole: false };
  } finally {
    await handle.close();
  }
}
