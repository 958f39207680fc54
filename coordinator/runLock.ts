/** A lock on a run's folder, so that no two processes write to it. Held by a process id; that of a dead process is stale. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../core/errors.ts';

export interface RunLock {
  release(): void;
}

/** @throws UserError if another process of this machine is at work in the folder */
export function lockRun(dir: string): RunLock {
  const file = join(dir, 'run.lock');
  const mine = `${hostname()} ${process.pid}`;
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      return { release: () => rmSync(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new UserError(`${dir} cannot be written (${String(error)}): choose another folder with --out.`);
    }
    const [host, pid] = readFileSync(file, 'utf8').split(' ');
    // A process of another machine cannot be asked; a container that was started anew has another name and the same folder.
    if (host === hostname() && Number(pid) !== process.pid && isAlive(Number(pid)))
      throw new UserError(`process ${pid} is already training in ${dir}: stop it first, or choose another folder.`);
    rmSync(file, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
