/**
 * A lock on a folder, a run's or one of shards, so that no two processes write to it. Held by a process of this boot of a machine: that of a dead
 * process is stale, and so is one that a crash has torn, or that is of another boot, whose ids others have by now.
 */
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { Disk } from './disk.ts';
import { codeOf } from './errors.ts';
import { readIfThere } from './files.ts';

export interface FolderLock {
  /** One that cannot be removed is stale once this process has ended. */
  release(): Promise<void>;
}

/**
 * @param name of the lock's file
 * @param work what a process that holds it is doing, for a message
 * @throws UserError if another process of this machine is at work in the folder
 */
export async function lockFolder(dir: string, name: string, work: string, disk: Disk): Promise<FolderLock> {
  const file = join(dir, name);
  for (;;) {
    if (await make(disk, file)) return { release: () => disk.remove(file).catch(() => undefined) };
    const pid = holder(new TextDecoder().decode((await readIfThere(disk, file)) ?? new Uint8Array(0)));
    if (pid !== null && pid !== process.pid && isAlive(pid))
      throw new UserError(`process ${pid} is already ${work} in ${dir}: stop it first, or choose another folder.`);
    await disk.remove(file);
  }
}

/** When this machine was started, in seconds since the epoch: give or take what clocks are set by. */
const bootedAt = (): number => Math.round(Date.now() / 1000 - uptime());
/** Clocks that are set by more than this between two runs make a lock look stale, or a stale one look held. */
const SAME_BOOT_S = 300;

/**
 * The process that a lock says holds it; null where it cannot be one of this machine's present boot. A process of another machine
 * cannot be asked; a container that was started anew has another name and the same folder.
 */
function holder(text: string): number | null {
  const [, host, pid, booted] = /^(\S+) (\d+) (\d+)\n$/.exec(text) ?? [];
  if (host !== hostname() || Math.abs(Number(booted) - bootedAt()) > SAME_BOOT_S) return null;
  return Number(pid);
}

/** @returns false if the file is there already. @throws UserError if it cannot be written */
async function make(disk: Disk, file: string): Promise<boolean> {
  try {
    const handle = await disk.open(file, 'make');
    try {
      await handle.write(new TextEncoder().encode(`${hostname()} ${process.pid} ${bootedAt()}\n`));
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
