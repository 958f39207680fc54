/** Where the tokenizer's commands write, as fast as it is taken: standard output, or a file that is there only when it is whole. */
import { once } from 'node:events';
import { realpathSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DiskFile } from '../../core/disk/disk.ts';
import { codeOf } from '../../core/disk/errors.ts';
import { replaceFile, temporaryOf } from '../../core/disk/files.ts';
import { nodeDisk } from '../../core/disk/nodeDisk.ts';
import { UserError } from '../../core/errors.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { EXIT_CODES, onSignals } from '../signals.ts';

export type Sink = (some: string | Uint8Array) => Promise<void>;

const stdout: Sink = async (some) => {
  if (!process.stdout.write(some)) await once(process.stdout, 'drain');
};

const found = (file: string): Stats | undefined => statSync(file, { throwIfNoEntry: false });

/**
 * Does something that writes. A file with that name, or that a link of that name leads to, is replaced once all is written; a device
 * or a pipe is written to. A signal ends the process, and leaves nothing. @throws UserError where it cannot be written
 */
export async function writing(out: string | undefined, work: (sink: Sink) => Promise<void>): Promise<void> {
  if (out === undefined) return work(stdout);
  checkFolder(out);
  const there = found(out);
  if (there?.isDirectory()) throw new UserError(`${out} is a folder: name a file to write.`);
  const to = (file: DiskFile) => work((some) => file.write(typeof some === 'string' ? toBytes(some) : some));
  try {
    if (there === undefined || there.isFile()) await replaceWhole(there === undefined ? out : realpathSync(out), to);
    else await writeInto(out, to);
  } catch (error) {
    const code = error instanceof UserError ? undefined : codeOf(error);
    if (code === undefined) throw error;
    throw new UserError(`${out} cannot be written (${code}): choose another place, or make room.`);
  }
}

async function replaceWhole(file: string, write: (handle: DiskFile) => Promise<void>): Promise<void> {
  const unhook = onSignals((signal) => {
    rmSync(temporaryOf(file), { force: true });
    process.exit(EXIT_CODES[signal]);
  });
  try {
    await replaceFile(nodeDisk, file, write);
  } finally {
    unhook();
  }
}

async function writeInto(device: string, write: (handle: DiskFile) => Promise<void>): Promise<void> {
  const handle = await nodeDisk.open(device, 'write');
  try {
    await write(handle);
  } finally {
    await handle.close();
  }
}

/** @param out what the names of files are to begin with. @throws UserError where they cannot, before the work and not after */
export function checkName(out: string): void {
  if (/[/\\]$/.test(out)) throw new UserError(`--out ${out} names a folder alone: add the name of the tokenizer.`);
  checkFolder(`${out}.model`);
}

/** @throws UserError where there is no folder for a file */
function checkFolder(file: string): void {
  const folder = dirname(file);
  if (found(folder)?.isDirectory() !== true)
    throw new UserError(`there is no folder ${folder} to write ${file} in: make it, or choose another place.`);
}
