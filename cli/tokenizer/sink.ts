/** Where the tokenizer's commands write, as fast as it is taken: standard output, or a file that is there only when it is whole. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../core/disk/errors.ts';
import { replaceFile } from '../../core/disk/files.ts';
import { nodeDisk } from '../../core/disk/nodeDisk.ts';
import { UserError } from '../../core/errors.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

export type Sink = (some: string | Uint8Array) => Promise<void>;

const stdout: Sink = async (some) => {
  if (!process.stdout.write(some)) await once(process.stdout, 'drain');
};

/** Does something that writes. A file with that name is replaced once all is written. @throws UserError where it cannot be */
export async function writing(out: string | undefined, work: (sink: Sink) => Promise<void>): Promise<void> {
  if (out === undefined) return work(stdout);
  checkFolder(out);
  try {
    await replaceFile(nodeDisk, out, (file) =>
      work((some) => file.write(typeof some === 'string' ? toBytes(some) : some)),
    );
  } catch (error) {
    const code = error instanceof UserError ? undefined : codeOf(error);
    if (code === undefined) throw error;
    throw new UserError(`${out} cannot be written (${code}): choose another place, or make room.`);
  }
}

/** @throws UserError where there is no folder for a file: before the work, and not after */
export function checkFolder(file: string): void {
  const folder = dirname(file);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError(`there is no folder ${folder} to write ${file} in: make it, or choose another place.`);
}
