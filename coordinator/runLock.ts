/** A lock on a run's folder, so that no two processes write to it. Held by a process id; that of a dead process is stale. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Disk } from '../core/disk/disk.ts';
import { codeOf } from '../core/disk/errors.ts';
import { readIfThere } from '../core/disk/files.ts';
import { UserError } from '../core/errors.ts';

export interface RunLock {
  /** One that cannot be removed is stale once this process has ended. */
  release(): Promise<void>;
}

/** @throws UserError if another process of this machine is at work in the folder */
export async function lockRun(dir: string, disk: Disk): Promise<RunLock> {
  const file = join(dir, 'run.lock');
  for (;;) {
    if (await make(disk, file)) return { release: () => disk.remove(file).catch(() => undefined) };
    const text = new TextDecoder().decode((await readIfThere(disk, file)) ?? new Uint8Array(0));
    // One without its newline was torn by a crash: it holds a part of a process id, which may be that of another.
    const { host, pid } = /^(?<host>.+) (?<pid>[1-9]\d*)\n$/.exec(text)?.groups ?? {};
    // A process of another machine cannot be asked; a container that was started anew has another name and the same folder.
    if (host === hostname() && Number(pid) !== process.pid && isAlive(Number(pid)))
      throw new UserError(`process ${pid} is already training in ${dir}: stop it first, or choose another folder.`);
    await disk.remove(file);
  }
}

/** @returns false if the file is there already. @throws UserError if it cannot be written */
async function make(disk: Disk, file: string): Promise<boolean> {
  try {
    const handle = await disk.open(file, 'make');
    try {
      await handle.write(new TextEncoder().encode(`${hostname()} ${process.pid}\n`));
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    await disk.remove(file).catch(() => undefined);
    throw new UserError(`${file} cannot be written (${String(error)}): make room, or choose another folder.`);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
