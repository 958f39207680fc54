import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors, type Metadata } from '../../core/checkpoint/safetensors.ts';
import {
  type CheckpointTensor,
  latestCheckpoint,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from '../../core/checkpoint/store.ts';
import { UserError } from '../../core/errors.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'manygrad-checkpoint-'));
});
afterEach(() => rm(dir, { recursive: true }));

const sample: CheckpointTensor[] = [
  { name: 'fc.weight', shape: [2, 3], data: Float32Array.of(1, -2, 3, Number.NaN, -0, Infinity) },
  { name: 'none', shape: [0], data: new Float32Array(0) },
  { name: 'fc.bias', shape: [2], data: Float32Array.of(0.5, 1e-40) },
];
const bits = (tensors: readonly CheckpointTensor[]) =>
  tensors.map(({ name, shape, data }) => ({ name, shape, bytes: [...new Uint8Array(data.slice().buffer)] }));

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  return error instanceof UserError ? error.message : '';
}

describe('writing and reading', () => {
  test('tensors and metadata come back to the bit, under every name and shape', async () => {
    const f32 = fc.float32Array({ maxLength: 40, noNaN: false });
    const names = fc.uniqueArray(
      fc.string({ unit: 'binary' }).filter((name) => !/^\d+$/.test(name)),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(names, fc.array(f32, { minLength: 4, maxLength: 4 }), fc.nat(), async (all, data, step) => {
        const tensors = all.map((name, i) => {
          const own = data[i] ?? new Float32Array(0);
          return { name, shape: [own.length], data: own };
        });
        const file = await writeCheckpoint(dir, step, tensors, { seed: '-7', step: 'overwritten' });
        const read = await readCheckpoint(file);
        const order = (list: CheckpointTensor[]) => bits(list).toSorted((a, b) => (a.name < b.name ? -1 : 1));
        expect(order(read.tensors)).toEqual(order(tensors));
        expect(read).toMatchObject({ file, step, metadata: { seed: '-7', step: String(step) } });
      }),
      { numRuns: 50 },
    );
  });

  test('the file is plain safetensors, unpadded in name, and the only one in a folder made for it', async () => {
    const file = await writeCheckpoint(join(dir, 'runs/one'), 12, sample, { seed: '1' });
    expect(file).toBe(join(dir, 'runs/one/checkpoint-12.safetensors'));
    expect(await readdir(join(dir, 'runs/one'))).toEqual(['checkpoint-12.safetensors']);
    const { tensors, metadata } = decodeSafetensors(await readFile(file));
    expect(tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['fc.weight', 'F32', [2, 3]],
      ['none', 'F32', [0]],
      ['fc.bias', 'F32', [2]],
    ]);
    expect(Object.keys(metadata)).toEqual(['seed', 'step', 'sha256', 'headerSha256']);
  });

  test('the same state gives the same bytes, and a step is replaced', async () => {
    const first = await readFile(await writeCheckpoint(dir, 3, sample));
    const second = await readFile(await writeCheckpoint(dir, 3, sample));
    expect(second.equals(first)).toBe(true);
    await writeCheckpoint(dir, 3, []);
    expect((await readCheckpoint(join(dir, 'checkpoint-3.safetensors'))).tensors).toEqual([]);
  });

  test('tensors longer than a chunk, and in shared memory', async () => {
    const data = new Float32Array(new SharedArrayBuffer(4 * 5_000_001));
    for (let i = 0; i < data.length; i++) data[i] = i;
    const { tensors } = await readCheckpoint(
      await writeCheckpoint(dir, 1, [{ name: 'big', shape: [data.length], data }]),
    );
    expect(Buffer.compare(Buffer.from(tensors[0]?.data.buffer ?? []), Buffer.from(data.buffer))).toBe(0);
  });

  test('tensors that change while they are written leave no file', async () => {
    const data = new Float32Array(1000);
    const writing = writeCheckpoint(dir, 1, [{ name: 'a', shape: [1000], data }]);
    data[500] = 1; // after the hash of the first pass, which begins at once
    await expect(writing).rejects.toThrow('tensors changed');
    expect(await readdir(dir)).toEqual([]);
  });

  test('a folder that cannot be one', async () => {
    await writeFile(join(dir, 'plain'), 'a');
    expect(await refusal(writeCheckpoint(join(dir, 'plain'), 1, sample))).toMatch(/cannot be written \(EEXIST\): free/);
  });
});

describe('damage', () => {
  test('every truncation is refused, by the name of the file', async () => {
    const file = await writeCheckpoint(dir, 7, sample);
    const { length } = await readFile(file);
    for (let size = length - 1; size >= 0; size--) {
      await truncate(file, size);
      const message = await refusal(readCheckpoint(file));
      expect(message).toContain(`${file} is cut short: `);
      expect(message).toMatch(/\d+.*(missing|fewer)/);
    }
  });

  test('every flipped bit is refused, be it in the length, the header, its padding or the data', async () => {
    const file = await writeCheckpoint(dir, 7, sample, { seed: '42' });
    const whole = await readFile(file);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(whole.readUInt8(at) ^ (1 << (at % 8)), at);
      await writeFile(file, flipped);
      expect(await refusal(readCheckpoint(file))).toContain(file);
    }
    await writeFile(file, whole);
    expect((await readCheckpoint(file)).step).toBe(7);
  });

  test('a flipped bit anywhere (random places and bits)', async () => {
    const file = await writeCheckpoint(dir, 7, sample, { seed: '42' });
    const whole = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const flipped = Buffer.from(whole);
        flipped.writeUInt8(whole.readUInt8(at) ^ mask, at);
        await writeFile(file, flipped);
        expect(await refusal(readCheckpoint(file))).toContain(file);
      }),
      { numRuns: 300 },
    );
  });

  test('what is no checkpoint', async () => {
    const file = join(dir, 'x.safetensors');
    const write = async (metadata: Metadata) => writeFile(file, encodeSafetensors(sample, metadata));
    await write({});
    expect(await refusal(readCheckpoint(file))).toContain('is not a checkpoint of manygrad');
    await write({ step: '1', sha256: '0', headerSha256: '0'.repeat(64) });
    expect(await refusal(readCheckpoint(file))).toContain('is damaged');
    await writeFile(file, 'hello, this is just some text');
    expect(await refusal(readCheckpoint(file))).toContain('is not a safetensors file');
    await writeFile(file, '');
    expect(await refusal(readCheckpoint(file))).toContain('is cut short: it has 0 bytes');
    expect(await refusal(readCheckpoint(join(dir, 'none')))).toContain('none does not exist: give the path');
    expect(await refusal(readCheckpoint(dir))).toContain('is a directory: give the path');
  });
});

describe('the latest checkpoint', () => {
  test('is the one of the highest step, by number and not by name', async () => {
    for (const step of [9, 10, 100, 0]) await writeCheckpoint(dir, step, sample);
    const { step, file, damaged } = await latestCheckpoint(dir);
    expect([step, file, damaged]).toEqual([100, join(dir, 'checkpoint-100.safetensors'), []]);
  });

  test('passes over damaged files and says why, and ignores temporary ones', async () => {
    for (const step of [1, 2, 3, 4]) await writeCheckpoint(dir, step, sample);
    const path = (step: number) => join(dir, `checkpoint-${step}.safetensors`);
    await truncate(path(4), 100);
    const third = await readFile(path(3));
    third.writeUInt8(third.readUInt8(third.length - 1) ^ 1, third.length - 1);
    await writeFile(path(3), third);
    await writeFile(`${path(9)}.tmp`, 'half');
    await writeFile(join(dir, 'checkpoint-008.safetensors'), 'padded: not a name of ours');
    await writeFile(path(7), await readFile(path(2)));
    const { step, damaged } = await latestCheckpoint(dir);
    expect(step).toBe(2);
    expect(damaged.map(({ file }) => basename(file))).toEqual([7, 4, 3].map((s) => `checkpoint-${s}.safetensors`));
    expect(damaged.map(({ reason }) => reason.slice(0, reason.indexOf(':')))).toEqual([
      `${path(7)} holds step 2`,
      `${path(4)} is cut short`,
      `${path(3)} is damaged, its contents do not have the hash it was written with`,
    ]);
  });

  test('a folder with none', async () => {
    expect(await refusal(latestCheckpoint(join(dir, 'missing')))).toContain(
      'missing has no checkpoint: give the folder',
    );
    await writeFile(join(dir, 'checkpoint-1.safetensors.tmp'), 'half');
    expect(await refusal(latestCheckpoint(dir))).toContain('has no checkpoint: ');
    await writeFile(join(dir, 'checkpoint-1.safetensors'), 'half');
    expect(await refusal(latestCheckpoint(dir))).toMatch(
      /has no whole checkpoint \(.*checkpoint-1\.safetensors is cut short/,
    );
  });
});

describe('pruning', () => {
  test('keeps the newest, deletes leftovers, and touches nothing else', async () => {
    for (const step of [5, 10, 15, 100]) await writeCheckpoint(dir, step, sample);
    for (const name of ['checkpoint-20.safetensors.tmp', 'log.jsonl']) await writeFile(join(dir, name), '');
    await mkdir(join(dir, 'other'));
    const deleted = await pruneCheckpoints(dir, { last: 2 });
    const left = ['checkpoint-100.safetensors', 'checkpoint-15.safetensors', 'log.jsonl', 'other'];
    expect(deleted.map((file) => basename(file))).toEqual([
      'checkpoint-5.safetensors',
      'checkpoint-10.safetensors',
      'checkpoint-20.safetensors.tmp',
    ]);
    expect((await readdir(dir)).toSorted()).toEqual(left);
    expect(await pruneCheckpoints(dir, { last: 2 })).toEqual([]);
  });

  test('files of later steps, passed over as damaged, do not push out whole ones', async () => {
    for (const step of [10, 20, 30, 40]) await writeCheckpoint(dir, step, sample);
    await pruneCheckpoints(dir, { last: 1 }, 20);
    expect((await readdir(dir)).toSorted()).toEqual([20, 30, 40].map((step) => `checkpoint-${step}.safetensors`));
  });

  test('a missing folder has nothing to prune, and all cannot be pruned', async () => {
    expect(await pruneCheckpoints(join(dir, 'missing'), { last: 1 })).toEqual([]);
    await expect(pruneCheckpoints(dir, { last: 0 })).rejects.toThrow(RangeError);
  });
});
