/**
 * A run's folder on a disk that is full or fails: it waits, tries again, and in the end every line and checkpoint is there as
 * if nothing had been; unless it is told to wait no longer, or waiting is of no use.
 */
import { describe, expect, test } from 'vitest';
import type { RunFolder } from '../../coordinator/runFolder.ts';
import { UserError } from '../../core/errors.ts';
import { type DiskOp, SimDisk, SimDiskError } from '../../simulation/simDisk.ts';
import { ManualClock } from '../support/manualClock.ts';
import { DIR, lines, settle, takeUp, tell, tensors, told } from '../support/simFolder.ts';

const KEEP = { last: 2 };

interface Scene {
  readonly disk: SimDisk;
  readonly clock: ManualClock;
  readonly folder: RunFolder;
  /** What the folder told. */
  readonly events: string[];
}

async function stage(disk = new SimDisk({ seed: 1 })): Promise<Scene> {
  const clock = new ManualClock();
  const { folder } = await takeUp(disk.life(), clock);
  const events: string[] = [];
  folder.watch({
    saved: (step) => events.push(`saved ${step}`),
    stuck: (why) => events.push(why ?? 'goes on'),
    failed: (error) => events.push(`failed: ${String(error)}`),
  });
  return { disk, clock, folder, events };
}

/** Lets `times` calls of an operation fail on files of a name. @returns how many still would */
function failing(disk: SimDisk, op: DiskOp, code: string, name: RegExp, times = 1): () => number {
  let left = times;
  disk.onCall = (when, called, file) => {
    if (when !== 'before' || called !== op || !name.test(file) || left === 0) return;
    left--;
    throw new SimDiskError(code, op, file);
  };
  return () => left;
}

const names = async (disk: SimDisk) => (await disk.life().list(DIR)).filter((name) => /check|tmp/.test(name));
const FULL = expect.stringMatching(/^the disk is full \(ENOSPC\) and takes nothing for runs\/one: the run waits/);
const FAILS = expect.stringMatching(/^the disk fails \(EIO\)/);

describe('a full disk', () => {
  test('takes the lines once there is room, each of them once, though a part of them fitted', async () => {
    for (let room = 0; room < 300; room += 7) {
      const { disk, clock, folder, events } = await stage();
      for (let step = 1; step <= 3; step++) tell(folder, step);
      await folder.flush();
      for (let step = 4; step <= 9; step++) tell(folder, step);
      disk.capacity = disk.used + room;
      const flushed = folder.flush();
      await settle();
      expect(events).toEqual([FULL]);
      // A retry or two that fail, and what is told meanwhile.
      clock.pass(4000);
      await settle();
      tell(folder, 10);
      clock.pass(4000);
      await settle();
      expect(events).toEqual([FULL]);
      disk.capacity = Number.POSITIVE_INFINITY;
      clock.pass(4000);
      await flushed;
      expect(events).toEqual([FULL, 'goes on']);
      await folder.close();
      expect(lines(disk)).toEqual(told(10));
    }
  });

  test('leaves nothing of a checkpoint that it does not take, and takes it later', async () => {
    const { disk, clock, folder, events } = await stage();
    tell(folder, 1);
    await folder.checkpoint(1, () => tensors(1), KEEP);
    tell(folder, 2);
    await folder.flush();
    const before = disk.used;
    disk.capacity = before + 300;
    const written = folder.checkpoint(2, () => tensors(2), KEEP);
    await settle();
    expect(events).toEqual(['saved 1', FULL]);
    expect(await names(disk)).toEqual(['checkpoint-1.safetensors']);
    expect(disk.used).toBe(before);
    disk.capacity = Number.POSITIVE_INFINITY;
    clock.pass(60_000);
    await written;
    expect(events).toEqual(['saved 1', FULL, 'saved 2', 'goes on']);
    expect(await names(disk)).toEqual(['checkpoint-1.safetensors', 'checkpoint-2.safetensors']);
  });

  test('gets the newest of the checkpoints that fell due meanwhile, and the promises of all are kept', async () => {
    const { disk, clock, folder, events } = await stage();
    tell(folder, 1);
    await folder.flush();
    disk.capacity = disk.used;
    const written = [folder.checkpoint(1, () => tensors(1), KEEP)];
    await settle();
    for (const step of [2, 3, 3]) written.push(folder.checkpoint(step, () => tensors(step), KEEP));
    disk.capacity = Number.POSITIVE_INFINITY;
    clock.pass(60_000);
    await Promise.all(written);
    expect(events).toEqual([FULL, 'saved 3', 'goes on']);
    expect(await names(disk)).toEqual(['checkpoint-3.safetensors']);
  });

  test('is waited for until nobody wants to any more: said in a sentence, and the last checkpoint is there', async () => {
    const { disk, clock, folder } = await stage();
    tell(folder, 1);
    await folder.checkpoint(1, () => tensors(1), KEEP);
    disk.capacity = disk.used;
    tell(folder, 2);
    const written = folder.checkpoint(2, () => tensors(2), KEEP).catch((error: unknown) => error);
    await settle();
    folder.giveUp();
    const error = await written;
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(
      /the disk is full \(ENOSPC\), so runs\/one holds nothing after its checkpoint of step 1: make room, .* --resume runs\/one\.$/,
    );
    expect(() => folder.log({ step: 3 })).toThrow(UserError);
    // Nothing more is said at the end, and the folder is free.
    await folder.close();
    expect(disk.contents(`${DIR}/run.lock`)).toBeNull();
    // Taking it up needs no room.
    const again = await takeUp(disk.life(), clock);
    expect([again.found?.step, lines(disk)]).toEqual([1, told(1)]);
  });

  test('that loses its power is found at the last checkpoint', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { disk, folder } = await stage(new SimDisk({ seed }));
      for (let step = 1; step <= 4; step++) tell(folder, step);
      await folder.checkpoint(4, () => tensors(4), KEEP);
      for (let step = 5; step <= 9; step++) tell(folder, step);
      disk.capacity = disk.used + 300;
      void folder.checkpoint(9, () => tensors(9), KEEP);
      await settle();
      disk.crash();
      disk.capacity = Number.POSITIVE_INFINITY;
      const { found, damaged } = await takeUp(disk.life(), new ManualClock());
      expect([found?.step, damaged, lines(disk)]).toEqual([4, [], told(4)]);
    }
  });
});

describe('a disk that fails', () => {
  test('to sync may have lost what it was to make safe: it is written again', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { disk, clock, folder, events } = await stage(new SimDisk({ seed }));
      for (let step = 1; step <= 4; step++) tell(folder, step);
      await folder.flush();
      const left = failing(disk, 'sync', 'EIO', /(log|ledger)\.jsonl$/, 2);
      const written = folder.checkpoint(4, () => tensors(4), KEEP);
      for (let i = 0; i < 3; i++) {
        await settle();
        clock.pass(60_000);
      }
      await written;
      expect(left()).toBe(0);
      expect(events).toEqual([FAILS, 'saved 4', 'goes on']);
      disk.crash();
      const { found } = await takeUp(disk.life(), clock);
      expect([found?.step, lines(disk)]).toEqual([4, told(4)]);
    }
  });

  test('and forbids is not waited for', async () => {
    const { disk, clock, folder, events } = await stage();
    const left = failing(disk, 'open', 'EACCES', /log\.jsonl$/, 1);
    tell(folder, 1);
    clock.pass(1000);
    await settle();
    expect(left()).toBe(0);
    expect(events).toEqual([expect.stringMatching(/^failed: UserError: .*log\.jsonl cannot be written \(EACCES\)/)]);
    expect(() => folder.log({ step: 2 })).toThrow('EACCES');
    failing(disk, 'rename', 'EROFS', /checkpoint/);
    await expect(folder.checkpoint(1, () => tensors(1), KEEP)).rejects.toThrow(/cannot be written \(EROFS\)/);
  });

  test('to read a checkpoint is asked again, and then for the one before it', async () => {
    for (const [times, step] of [
      [3, 4],
      [99, 2],
    ] as const) {
      const { disk, clock, folder } = await stage();
      for (const s of [2, 4, 6]) await folder.checkpoint(s, () => tensors(s), { last: 9 });
      failing(disk, 'read', 'EIO', /checkpoint-4/, times);
      const back = folder.rollBack(5);
      for (let i = 0; i < 5; i++) {
        await settle();
        clock.pass(60_000);
      }
      expect((await back)?.tensors).toEqual(tensors(step));
      disk.onCall = () => undefined;
      const left = step === 4 ? ['2.safetensors', '4.safetensors'] : ['2.safetensors', '4.safetensors.damaged'];
      expect(await names(disk)).toEqual(left.map((name) => `checkpoint-${name}`));
    }
  });

  test.each(['ENOSPC', 'EDQUOT', 'EIO'])('at any operation, once, by %s: nothing but time is lost', async (code) => {
    const script = async ({ folder }: Scene) => {
      for (let step = 1; step <= 6; step++) {
        tell(folder, step);
        if (step % 2 === 0) await folder.checkpoint(step, () => tensors(step), KEEP);
        else await folder.flush();
      }
      expect((await folder.rollBack(5))?.step).toBe(4);
      for (let step = 5; step <= 6; step++) tell(folder, step, 'b');
      await folder.checkpoint(6, () => tensors(6, 'b'), KEEP);
      await folder.summary({ steps: 6 });
      await folder.close();
    };
    const plain = await stage();
    const before = plain.disk.calls;
    await script(plain);
    const calls = plain.disk.calls - before;
    const kept = await names(plain.disk);
    let stuck = 0;
    for (let at = 1; at <= calls; at++)
      for (const when of ['before', 'after'] as const) {
        const scene = await stage();
        const { disk, clock, folder, events } = scene;
        folder.watch({
          stuck: (why) => {
            events.push(why ?? 'goes on');
            if (why !== null) setImmediate(() => clock.pass(60_000));
          },
        });
        const first = disk.calls;
        let fired = false;
        disk.onCall = (now, op, file) => {
          if (fired || now !== when || disk.calls - first !== at) return;
          fired = true;
          throw new SimDiskError(code, op, file);
        };
        await script(scene);
        expect(fired).toBe(true);
        if (events.length > 0) expect(events).toEqual([expect.stringContaining(code), 'goes on']);
        stuck += events.length / 2;
        expect(lines(disk)).toEqual(told(6, 5));
        expect(await names(disk)).toEqual(kept);
        disk.crash();
        expect((await takeUp(disk.life(), clock)).found?.tensors).toEqual(tensors(6, 'b'));
      }
    // But for what the end lets go, and leftovers that are swept up, all is tried again.
    expect(stuck).toBeGreaterThan(1.8 * calls);
  });
});

describe('checkpoints', () => {
  test('are written one at a time, of those that wait the newest alone', async () => {
    const clock = new ManualClock();
    const disk = new SimDisk({ seed: 1, latency: { clock, ms: (_, file) => (/checkpoint/.test(file) ? 1000 : 0) } });
    const run = async <T>(doing: Promise<T>): Promise<T> => {
      let done = false;
      const end = () => {
        done = true;
      };
      doing.then(end, end);
      while (!done) {
        await settle();
        clock.pass(1000);
      }
      return doing;
    };
    const { folder } = await run(takeUp(disk.life(), clock));
    const saved: number[] = [];
    folder.watch({ saved: (step) => saved.push(step) });
    const written: Promise<void>[] = [];
    for (let step = 1; step <= 9; step++) {
      tell(folder, step);
      written.push(folder.checkpoint(step, () => tensors(step), { last: 9 }));
      // The first is under way when the others fall due.
      await settle();
      clock.pass(0);
      await settle();
    }
    await run(Promise.all(written));
    expect(saved).toEqual([1, 9]);
    // The step that is written already is neither written nor copied again, unless it has been made again.
    await run(folder.checkpoint(9, () => expect.fail('it was copied'), { last: 9 }));
    expect(saved).toEqual([1, 9]);
    await run(folder.rollBack(9));
    await run(folder.checkpoint(9, () => tensors(9), { last: 9 }));
    expect(saved).toEqual([1, 9, 9]);
    await run(folder.close());
    expect(lines(disk)).toEqual(told(9));
  });

  test('are kept: the newest, those of round steps, and the newest of a step or before', async () => {
    const { disk, folder } = await stage();
    for (let step = 1; step <= 9; step++)
      await folder.checkpoint(step, () => tensors(step), { last: 2, every: 4, clean: 6 });
    const steps = (await names(disk)).map((name) => Number(/\d+/.exec(name)));
    expect(steps).toEqual([4, 6, 8, 9]);
  });
});
