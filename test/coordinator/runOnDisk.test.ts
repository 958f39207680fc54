/**
 * Whole runs on a simulated disk, with real threads: the disk fills up and the run waits for room; checkpoints are damaged in
 * every way and the one before is taken; and the run ends with the bits of one that nothing happened to. Nothing is read from
 * or written to the disk of this machine.
 */
import { describe, expect, test } from 'vitest';
import type { RunOptions } from '../../coordinator/options.ts';
import { PLAIN } from '../../coordinator/options.ts';
import { type PreparedRun, prepareNewRun, prepareResumedRun, type RunPlace } from '../../coordinator/prepare.ts';
import { type RunEnd, TrainingRun } from '../../coordinator/run.ts';
import { searchCheckpoint } from '../../core/checkpoint/store.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { parseLines } from '../../core/data/lines.ts';
import { UserError } from '../../core/errors.ts';
import { Stream } from '../../core/random/streams.ts';
import { parseRecipe } from '../../models/recipe.ts';
import { ledgerFault, ledgerOn } from '../../simulation/ledger.ts';
import { SimDisk } from '../../simulation/simDisk.ts';
import { startLocalWorker } from '../../worker/local.ts';

const SEED = Number(process.env.MANYGRAD_SEED ?? Date.now() % 1_000_000);
const DIR = 'runs/one';
const STEPS = 60;
const BATCH = 8;
const MICRO_BATCH = 4;

const recipe = parseRecipe(
  {
    model: { name: 'mlp', blockSize: 2, embeddingDim: 2, hidden: 4 },
    data: { source: 'words' },
    seed: 7,
    steps: STEPS,
    batch: BATCH,
    microBatch: MICRO_BATCH,
    optimizer: { name: 'sgd', momentum: 0.9 },
    schedule: { name: 'constant', lr: 0.05 },
    clipGradNorm: null,
  },
  'the recipe',
);

const options: RunOptions = { ...PLAIN, checkpointEvery: 10, keepCheckpoints: 3, evalEvery: 20 };

/** A second of the coordinator's in a hundredth of one. */
const quick: Clock = {
  now: () => systemClock.now() * 100,
  after: (ms, call) => systemClock.after(ms / 100, call),
  every: (ms, call) => systemClock.every(ms / 100, call),
};

const words = new TextEncoder().encode(Array.from({ length: 40 }, (_, i) => (i * 7919).toString(4)).join('\n'));
let reads = 0;
const data = { kind: 'lines', ...parseLines(words, 'words'), sha256: 'of words', name: 'words' } as const;

const place = (disk: SimDisk, clock: Clock = quick): RunPlace => ({
  disk: disk.life(),
  clock,
  loadData: async () => {
    reads++;
    return data;
  },
});

const fresh = (disk: SimDisk, how: Partial<RunOptions> = {}, clock = quick) =>
  prepareNewRun(recipe, DIR, () => ({ ...options, ...how }), place(disk, clock));

const again = (disk: SimDisk) => prepareResumedRun(DIR, {}, () => options, place(disk));

interface Course {
  readonly run: TrainingRun;
  /** The last step made. */
  readonly made: { step: number };
  /** What it told of its disk. */
  readonly told: (string | null)[];
  readonly saved: number[];
  /** Resolves when its disk is full. */
  readonly full: Promise<void>;
  /** How it ended, its threads and files closed. */
  readonly ended: Promise<RunEnd>;
  /** Ends the threads of one that has died. */
  bury(): Promise<void>;
}

/** Begins a run with a thread of this machine. */
async function begin(prepared: PreparedRun, clock = quick): Promise<Course> {
  const made = { step: prepared.trainer.step };
  const told: (string | null)[] = [];
  const saved: number[] = [];
  const { promise: full, resolve } = Promise.withResolvers<void>();
  const observer = {
    onStep: ({ step }: { step: number }) => {
      made.step = step;
    },
    onCheckpoint: (step: number) => saved.push(step),
    onDisk: (trouble: string | null) => {
      told.push(trouble);
      if (trouble !== null) resolve();
    },
  };
  const run = new TrainingRun(prepared, observer, clock);
  const connection = run.connect();
  const local = await startLocalWorker(prepared.spec, 1, connection.events);
  connection.join(local);
  run.start();
  const bury = () => {
    local.close('', 'goingAway');
    return local.closed;
  };
  const ended = run.ended.finally(async () => {
    await bury();
    await prepared.folder.close();
  });
  ended.catch(() => undefined);
  return { run, made, told, saved, full, ended, bury };
}

const train = async (prepared: PreparedRun): Promise<RunEnd> => (await begin(prepared)).ended;

/** Resolves at the next failure of a write for want of room. */
function nextFailure(disk: SimDisk): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.onCall = (when, op) => {
    if (when === 'after' && op === 'write' && disk.used >= disk.capacity) resolve();
  };
  return promise;
}

/** Every micro-batch of every step, once. */
function expectExactLedger(disk: SimDisk, steps = STEPS): void {
  expect(ledgerFault(ledgerOn(disk, `${DIR}/ledger.jsonl`), { ...recipe, steps })).toBeNull();
}

const undisturbed = (async () => {
  const disk = new SimDisk({ seed: SEED });
  const end = await train(await fresh(disk));
  expectExactLedger(disk);
  return { hashes: { paramsSha256: end.paramsSha256, buffersSha256: end.buffersSha256 }, used: disk.used };
})();

async function expectSameEnd(end: RunEnd, disk: SimDisk): Promise<void> {
  expect(end).toMatchObject({ complete: true, steps: STEPS, ...(await undisturbed).hashes });
  expectExactLedger(disk);
}

describe(`a disk that fills up, seed ${SEED}`, { timeout: 60_000 }, () => {
  const stream = new Stream(SEED, 1);
  const shares = Array.from({ length: 4 }, (_, i) => 0.1 + 0.85 * stream.uniform(i));
  test.each(shares)('at %f of what the run needs: it waits, and goes on by itself', async (share) => {
    const disk = new SimDisk({ seed: SEED });
    const prepared = await fresh(disk);
    disk.capacity = disk.used + Math.floor(share * ((await undisturbed).used - disk.used));
    const course = await begin(prepared);
    const { run, made, told, full, ended } = course;
    await full;
    expect(told).toEqual([expect.stringMatching(/^the disk is full \(ENOSPC\).*: the run waits, nothing is lost/)]);
    const { step } = made;
    const isOver = run.phase === 'finished';
    if (!isOver) expect(run.phase).toBe('paused');
    for (let i = 0; i < 3; i++) await nextFailure(disk);
    // The operator cannot lift the disk's pause; nor does room lift the operator's.
    run.resume();
    if (!isOver) expect(run.phase).toBe('paused');
    expect(run.diskTrouble).toBe(told[0]);
    run.pause();
    // What was under way when it filled up may have been one step more.
    expect(made.step).toBeLessThanOrEqual(step + 1);
    expect(told.length).toBe(1);
    const { promise: room, resolve } = Promise.withResolvers<void>();
    run.observe({ onDisk: (trouble) => trouble === null && resolve() });
    disk.capacity = Number.POSITIVE_INFINITY;
    await room;
    expect(run.diskTrouble).toBeNull();
    if (!isOver) expect(run.phase).toBe('paused');
    run.resume();
    await expectSameEnd(await ended, disk);
    expect(told.length).toBe(2);
  });

  test('when it is stopped meanwhile: said in a sentence; later it goes on from the last checkpoint', async () => {
    const disk = new SimDisk({ seed: SEED });
    const prepared = await fresh(disk);
    disk.capacity = Math.floor(0.6 * (await undisturbed).used);
    const { run, full, ended, saved } = await begin(prepared);
    await full;
    expect(saved.length).toBeGreaterThan(0);
    run.stop();
    const error = await ended.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(`holds nothing after its checkpoint of step ${saved.at(-1)}: make room`);
    // It can be taken up without any room; then it waits again.
    const second = await begin(await again(disk));
    expect(second.made.step).toBe(saved.at(-1));
    await second.full;
    disk.capacity = Number.POSITIVE_INFINITY;
    await expectSameEnd(await second.ended, disk);
  });

  test('and loses its power, again and again, its data read by nobody', async () => {
    const disk = new SimDisk({ seed: SEED });
    const draw = new Stream(SEED, 2);
    const before = reads;
    let prepared = await fresh(disk);
    for (let crash = 0; crash < 10; crash++) {
      const { promise: crashed, resolve } = Promise.withResolvers<void>();
      const at = disk.calls + 5 + draw.integerBelow(crash, 30);
      disk.onCall = () => {
        if (disk.calls < at) return;
        disk.onCall = () => undefined;
        disk.crash();
        resolve();
      };
      const { ended, bury } = await begin(prepared);
      await Promise.race([crashed, ended]);
      disk.onCall = () => undefined;
      await bury();
      prepared = await again(disk);
    }
    expect(disk.crashes).toBeGreaterThan(3);
    await expectSameEnd(await train(prepared), disk);
    expect(reads - before).toBe(11);
  });
});

test('checkpoints are also written by the clock, at the first step that ends so many seconds after the last', async () => {
  // A second a step.
  let made = 0;
  const clock: Clock = { ...quick, now: () => made * 1000 };
  const disk = new SimDisk({ seed: SEED });
  const prepared = await fresh(disk, { checkpointEvery: 25, checkpointSeconds: 10, keepCheckpoints: 99 }, clock);
  const course = await begin(prepared, clock);
  course.run.observe({
    onStep: ({ step }) => {
      made = step;
    },
  });
  await expectSameEnd(await course.ended, disk);
  // Of step 25 by the steps, which puts off the next; 60 by both.
  expect((await disk.life().list(DIR)).filter((name) => name.startsWith('checkpoint')).length).toBe(
    course.saved.length,
  );
  expect(course.saved).toEqual([10, 20, 25, 35, 45, 50, 60]);
});

describe('a damaged checkpoint', { timeout: 120_000 }, () => {
  const FILE = `${DIR}/checkpoint-${STEPS}.safetensors`;

  /** A finished run, of which the last checkpoint is replaced by what is made of its bytes. */
  async function damaged(spoil: (whole: Uint8Array) => Uint8Array): Promise<SimDisk> {
    const disk = new SimDisk({ seed: SEED });
    for (const [file, bytes] of await finished) await write(disk, file, file === FILE ? spoil(bytes.slice()) : bytes);
    return disk;
  }

  async function write(disk: SimDisk, file: string, bytes: Uint8Array): Promise<void> {
    const life = disk.life();
    await life.makeFolder(DIR);
    const handle = await life.open(file, 'write');
    await handle.write(bytes);
    await handle.close();
  }

  const finished = (async () => {
    const disk = new SimDisk({ seed: SEED });
    await train(await fresh(disk));
    const names = await disk.life().list(DIR);
    return names.map((name) => [`${DIR}/${name}`, disk.contents(`${DIR}/${name}`) ?? new Uint8Array(0)] as const);
  })();

  const cut = (length: number) => (whole: Uint8Array) => whole.subarray(0, length);
  const flip = (bit: number) => (whole: Uint8Array) => {
    whole[bit >> 3] = (whole[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return whole;
  };

  test('of any length, or with any byte’s bit flipped, is passed over', async () => {
    const whole = (await finished).find(([file]) => file === FILE)?.[1] ?? new Uint8Array(0);
    expect(whole.length).toBeGreaterThan(1000);
    const disk = await damaged((bytes) => bytes);
    expect((await searchCheckpoint(DIR, disk.life())).found?.step).toBe(STEPS);
    for (let at = 0; at < whole.length; at++)
      for (const spoil of [cut(at), flip(8 * at + (at % 8))]) {
        await write(disk, FILE, spoil(whole.slice()));
        const { found, damaged } = await searchCheckpoint(DIR, disk.life());
        expect([at, found?.step, damaged.map(({ file }) => file)]).toEqual([at, STEPS - 10, [FILE]]);
      }
  });

  test.each<[string, (whole: Uint8Array) => Uint8Array]>([
    ['empty', cut(0)],
    ['cut in its length', cut(5)],
    ['cut in its header', cut(300)],
    ['without its last byte', (whole) => whole.subarray(0, -1)],
    ['with a byte more', (whole) => Uint8Array.from([...whole, 0])],
    ['its length flipped', flip(3)],
    ['its header flipped', flip(8 * 100)],
    ['its data flipped', (whole) => flip(8 * whole.length - 1)(whole)],
    ['zeros', (whole) => whole.fill(0)],
    ['zeros from a page on', (whole) => whole.fill(0, 512)],
    ['garbage', (whole) => whole.map((_, i) => (i * 7919) & 255)],
  ])('(%s) is passed over and set aside, with the lines of its steps', async (_, spoil) => {
    const disk = await damaged(spoil);
    const prepared = await again(disk);
    expect(prepared.trainer.step).toBe(STEPS - 10);
    expect(prepared.damaged.map(({ file }) => file)).toEqual([FILE]);
    expect(disk.contents(FILE)).toBeNull();
    expect(disk.contents(`${FILE}.damaged`)).not.toBeNull();
    expectExactLedger(disk, STEPS - 10);
    await prepared.folder.close();
  });

  test('costs nothing but the time to make its steps again', async () => {
    const disk = await damaged(flip(8 * 1000));
    await expectSameEnd(await train(await again(disk)), disk);
    expect(disk.contents(FILE)).not.toBeNull();
  });

  test('all of them', async () => {
    const disk = await damaged(cut(9));
    for (const name of await disk.life().list(DIR))
      if (name.startsWith('checkpoint')) disk.flip(`${DIR}/${name}`, 4000);
    await expect(again(disk)).rejects.toThrow(/has no whole checkpoint .*: restore one from a copy/);
    expect(disk.contents(`${DIR}/run.lock`)).toBeNull();
  });
});
