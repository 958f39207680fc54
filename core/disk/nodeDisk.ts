/** This machine's disk, over node:fs. */
import { constants, type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Disk, DiskFile, OpenHow } from './disk.ts';

const FLAGS: Readonly<Record<OpenHow, string>> = { read: 'r', write: 'w', append: 'a', make: 'wx' };

export const nodeDisk: Disk = {
  makeFolder: async (dir) => {
    const first = await mkdir(dir, { recursive: true });
    if (first === undefined) return;
    // Each new folder is on the disk once the one above it is.
    const above = dirname(resolve(first));
    for (let at = dirname(resolve(dir)); ; at = dirname(at)) {
      await syncFolder(at);
      if (at === above || at === dirname(at)) return;
    }
  },
  list: (dir) => readdir(dir),
  open: async (file, how) => diskFile(await open(file, FLAGS[how])),
  rename: (from, to) => rename(from, to),
  remove: (file) => rm(file, { force: true }),
  syncFolder,
};

/** Windows has no such call and needs none. */
async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function diskFile(handle: FileHandle): DiskFile {
  return {
    size: async () => (await handle.stat()).size,
    read: async (into, position) => {
      let at = 0;
      while (at < into.length) {
        const { bytesRead } = await handle.read(into, at, into.length - at, position + at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return at;
    },
    write: async (bytes) => {
      for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
    },
    truncate: (size) => handle.truncate(size),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}
