/** What runs ask of a disk: this machine's and the simulated one do the same, as long as nothing crashes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Disk, OpenHow } from '../../core/disk/disk.ts';
import { codeOf } from '../../core/disk/errors.ts';
import { linesOf, readIfThere, replaceFile } from '../../core/disk/files.ts';
import { nodeDisk } from '../../core/disk/nodeDisk.ts';
import { SimDisk } from '../../simulation/simDisk.ts';

const real = await mkdtemp(join(tmpdir(), 'manygrad-disk-'));
afterAll(() => rm(real, { recursive: true }));

const disks: [name: string, disk: Disk, root: string][] = [
  ["this machine's", nodeDisk, real],
  ['a simulated one', new SimDisk({ seed: 1 }).life(), '/root'],
];

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = async (disk: Disk, file: string) => {
  const found = await readIfThere(disk, file);
  return found === null ? null : new TextDecoder().decode(found);
};
const code = (promise: Promise<unknown>) => promise.then(() => 'none', codeOf);

async function put(disk: Disk, file: string, how: OpenHow, text: string): Promise<void> {
  const handle = await disk.open(file, how);
  await handle.write(bytes(text));
  await handle.sync();
  await handle.close();
}

describe.each(disks)('%s', (_, disk, root) => {
  const at = (name: string) => join(root, 'a/b', name);

  test('makes folders, and files to write, to add to, and only if they are not there', async () => {
    expect(await code(disk.open(at('x'), 'write'))).toBe('ENOENT');
    await disk.makeFolder(at('.'));
    await disk.makeFolder(join(root, 'a/b'));
    await put(disk, at('x'), 'append', 'one');
    await put(disk, at('x'), 'append', ' two');
    expect(await textOf(disk, at('x'))).toBe('one two');
    await put(disk, at('x'), 'write', 'three');
    expect(await textOf(disk, at('x'))).toBe('three');
    expect(await code(disk.open(at('x'), 'make'))).toBe('EEXIST');
    await put(disk, at('y'), 'make', 'y');
    expect(await code(disk.open(at('z'), 'read'))).toBe('ENOENT');
    expect(await textOf(disk, at('z'))).toBeNull();
    expect((await disk.list(join(root, 'a/b'))).toSorted()).toEqual(['x', 'y']);
    expect(await code(disk.list(join(root, 'none')))).toBe('ENOENT');
  });

  test('cuts, and adds to what is left', async () => {
    const handle = await disk.open(at('cut'), 'append');
    await handle.write(bytes('0123456789'));
    await handle.truncate(4);
    expect(await handle.size()).toBe(4);
    await handle.write(bytes('ab'));
    await handle.close();
    expect(await code(handle.write(bytes('c')))).toBe('EBADF');
    const reader = await disk.open(at('cut'), 'read');
    const into = new Uint8Array(8);
    expect([await reader.read(into, 3), await reader.read(into, 6), await reader.size()]).toEqual([3, 0, 6]);
    expect(new TextDecoder().decode(into.subarray(0, 3))).toBe('3ab');
    await reader.close();
  });

  test('renames over a file, and removes what may not be there', async () => {
    await put(disk, at('old'), 'write', 'old');
    await replaceFile(disk, at('old'), (handle) => handle.write(bytes('new')));
    expect(await textOf(disk, at('old'))).toBe('new');
    const failed = replaceFile(disk, at('old'), async (handle) => {
      await handle.write(bytes('half'));
      throw new Error('enough');
    });
    await expect(failed).rejects.toThrow('enough');
    expect(await textOf(disk, at('old'))).toBe('new');
    await disk.rename(at('old'), at('newer'));
    await disk.remove(at('old'));
    await disk.remove(at('newer'));
    await disk.syncFolder(join(root, 'a/b'));
    expect((await disk.list(join(root, 'a/b'))).toSorted()).toEqual(['cut', 'x', 'y']);
  });

  test('is read line by line, whatever their length', async () => {
    // Longer than what is read at a time, with letters of several bytes across its ends.
    const texts = ['', 'ä'.repeat(40_000), 'x', '', '\u{1f600}'.repeat(50_000), 'the last'];
    await put(disk, at('lines'), 'write', texts.join('\n'));
    const found = [];
    for await (const line of linesOf(disk, at('lines'))) found.push(line);
    expect(found.map(({ text }) => text)).toEqual(texts);
    expect(found.map(({ isWhole }) => isWhole)).toEqual([true, true, true, true, true, false]);
    expect(found.map(({ end }) => end)).toEqual([1, 80_002, 80_004, 80_005, 280_006, 280_014]);
    for await (const line of linesOf(disk, at('none'))) throw new Error(`there is no line: ${line.text}`);
  });
});
