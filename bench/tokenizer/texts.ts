/** The texts that tokenizers are measured on: those of the lectures, one after the other until there is enough. */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILES = ['tinyshakespeare', 'taylorswift', 'names'];

/** @throws Error where it is not there */
export function readText(folder: string, name: string): string {
  const file = join(folder, `${name}.txt`);
  if (!existsSync(file)) throw new Error(`${file} is not there: give the folder of the lectures' texts with --data`);
  return readFileSync(file, 'utf8');
}

/** Writes a file of at least so many bytes. @returns how many they are */
export function writeTiled(folder: string, file: string, bytes: number): number {
  const tile = Buffer.from(FILES.map((name) => readText(folder, name)).join('\n'));
  const fd = openSync(file, 'w');
  let written = 0;
  try {
    while (written < bytes) written += writeSync(fd, tile);
  } finally {
    closeSync(fd);
  }
  return written;
}
