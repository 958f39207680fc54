/** The simulated disk: what a crash may leave, that a seed says what it does leave, and that no dead process is heard of. */
import { describe, expect, test } from 'vitest';
import { SimDisk, SimDiskError } from '../../simulation/simDisk.ts';
import { ManualClock } from '../support/manualClock.ts';
import { settle } from '../support/simFolder.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (disk: SimDisk, file: string) => {
  const found = disk.contents(file);
  return found === null ? null : new TextDecoder().decode(found);
};

/** A disk of which half is synced: `safe` and its folder are, its second word is not; `loose` is a file that is not. */
async function half(seed: number): Promise<SimDisk> {
  const disk = new SimDisk({ seed });
  const life = disk.life();
  await life.makeFolder('d');
  const safe = await life.open('d/safe', 'append');
  await safe.write(bytes('safe'));
  await safe.sync();
  await life.syncFolder('d');
  await safe.write(bytes(' loose'));
  await safe.write(bytes(' end'));
  await (await life.open('d/new', 'write')).write(bytes('new'));
  await life.rename('d/new', 'd/renamed');
  return disk;
}

test('a crash keeps what was synced, and of the rest anything: all of it is drawn, sooner or later', async () => {
  const found = { safe: new Set<string | null>(), names: new Set<string>(), renamed: new Set<string | null>() };
  for (let seed = 0; seed < 300; seed++) {
    const disk = await half(seed);
    disk.crash();
    found.safe.add(text(disk, 'd/safe'));
    found.names.add((await disk.life().list('d')).join());
    found.renamed.add(text(disk, 'd/renamed'));
  }
  expect(found.names).toEqual(new Set(['safe', 'new,safe', 'renamed,safe']));
  expect(found.renamed).toEqual(new Set([null, '', 'n', 'ne', 'new']));
  for (const left of found.safe) expect(left).toMatch(/^safe/);
  // Both kept, the second torn, the first torn, the second kept without the first, none.
  for (const left of ['safe loose end', 'safe loose e', 'safe lo', 'safe\0\0\0\0\0\0 end', 'safe'])
    expect(found.safe).toContain(left);
});

test('the same seed leaves the same', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const [a, b] = [await half(seed), await half(seed)];
    for (const disk of [a, b]) disk.crash();
    for (const file of ['d/safe', 'd/new', 'd/renamed']) expect(text(a, file)).toBe(text(b, file));
  }
});

test('a full disk takes what fits, and says so', async () => {
  const disk = new SimDisk({ seed: 1, capacity: 10 });
  const life = disk.life();
  const handle = await life.open('./a', 'write');
  await handle.write(bytes('1234567'));
  await expect(handle.write(bytes('89abcdef'))).rejects.toMatchObject({ code: 'ENOSPC' });
  expect([text(disk, './a'), disk.used]).toEqual(['123456789a', 10]);
  await expect(handle.write(bytes('b'))).rejects.toMatchObject({ code: 'ENOSPC' });
  await handle.truncate(3);
  await handle.write(bytes('4567890'));
  await life.remove('./a');
  expect(disk.used).toBe(0);
});

test('a bit flips where it lies', async () => {
  const disk = await half(1);
  disk.flip('d/safe', 8 * 2 + 5);
  expect(text(disk, 'd/safe')).toBe('saFe loose end');
});

describe('a call', () => {
  test('can be made to fail, before or after it is done', async () => {
    const disk = new SimDisk({ seed: 1 });
    const handle = await disk.life().open('./a', 'write');
    for (const at of ['before', 'after'] as const) {
      disk.onCall = (when, op, file) => {
        if (when === at) throw new SimDiskError('EIO', op, file);
      };
      await expect(handle.write(bytes(at))).rejects.toMatchObject({ code: 'EIO', message: "EIO: write './a'" });
    }
    expect(text(disk, './a')).toBe('after');
  });

  test('that fails to sync makes nothing safe, nor does the next one', async () => {
    const disk = new SimDisk({ seed: 1 });
    const life = disk.life();
    const handle = await life.open('./a', 'write');
    await life.syncFolder('.');
    await handle.write(bytes('lost'));
    disk.onCall = (_, op, file) => {
      throw new SimDiskError('EIO', op, file);
    };
    await expect(handle.sync()).rejects.toMatchObject({ code: 'EIO' });
    disk.onCall = () => undefined;
    await handle.write(bytes('kept'));
    await handle.sync();
    expect(text(disk, './a')).toBe('lostkept');
    disk.crash();
    expect(text(disk, './a')).toBe('\0\0\0\0kept');
  });

  test('of a process that has died neither ends nor does anything', async () => {
    const clock = new ManualClock();
    const disk = new SimDisk({ seed: 1, latency: { clock, ms: () => 10 } });
    const ended: string[] = [];
    const life = disk.life();
    const opening = life.open('./a', 'write');
    clock.pass(10);
    const handle = await opening;
    const tell = (promise: Promise<unknown>, what: string) =>
      void promise.then(
        () => ended.push(what),
        () => ended.push(`${what} failed`),
      );
    tell(handle.write(bytes('under way')), 'under way');
    clock.pass(5);
    disk.crash();
    tell(handle.write(bytes('late')), 'late');
    tell(life.list('.'), 'list');
    clock.pass(1000);
    await settle();
    expect(ended).toEqual([]);
    expect(text(disk, './a') ?? '').toBe('');
    tell(disk.life().list('.'), 'the next life');
    clock.pass(10);
    await settle();
    expect(ended).toEqual(['the next life']);
  });
});
