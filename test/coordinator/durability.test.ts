/**
 * A run's folder on a disk that goes down: at each operation in turn, before and after it, with whatever was not synced kept,
 * lost or torn. What is found then is the newest checkpoint that was ever said to be safe, or a later one, with exactly the
 * lines of its steps, and the run goes on from there.
 *
 * MANYGRAD_SEEDS asks for more draws of what a crash leaves, MANYGRAD_SEED for a particular sequence of them.
 */
import { describe, expect, test } from 'vitest';
import type { RunFolder } from '../../coordinator/runFolder.ts';
import type { Keep } from '../../core/checkpoint/store.ts';
import { Stream } from '../../core/random/streams.ts';
import { SimDisk } from '../../simulation/simDisk.ts';
import { ManualClock } from '../support/manualClock.ts';
import { DIR, lines, settle, takeUp, tell, tensors, told } from '../support/simFolder.ts';

const SEEDS = Number(process.env.MANYGRAD_SEEDS ?? 1);
const SEED = Number(process.env.MANYGRAD_SEED ?? Date.now() % 1_000_000);

const STEPS = 10;
const KEEP: Keep = { last: 2, every: 4 };

/** What a life had been promised when it ended. */
interface Promised {
  /** The last step whose checkpoint was said to be safe. */
  safe: number;
  /** Whether it was told that the folder is there. */
  made: boolean;
  /** Whether it was told that the roll-back is done. */
  rolledBack: boolean;
}

type Script = (disk: SimDisk, promised: Promised) => Promise<void>;

/** Runs a script until its end, or until the disk crashes at a call: before it, or after. @returns whether it crashed */
async function live(disk: SimDisk, script: Script, promised: Promised, crashAt: number, when: 'before' | 'after') {
  const { promise: crashed, resolve } = Promise.withResolvers<true>();
  const first = disk.calls;
  disk.onCall = (now) => {
    if (disk.calls - first !== crashAt || now !== when) return;
    disk.onCall = () => undefined;
    disk.crash();
    resolve(true);
  };
  const ended = await Promise.race([script(disk, promised).then(() => false), crashed]);
  disk.onCall = () => undefined;
  return ended;
}

/** Steps to the end, a checkpoint every other step; flushes now and then, some of them while a checkpoint is written. */
const steps =
  (isAwaited: (step: number) => boolean): Script =>
  async (disk, promised) => {
    const clock = new ManualClock();
    const { folder, found } = await takeUp(disk.life(), clock);
    promised.made = true;
    let last = Promise.resolve();
    for (let step = (found?.step ?? 0) + 1; step <= STEPS; step++) {
      tell(folder, step);
      if (step % 2 === 0) {
        last = folder
          .checkpoint(step, () => tensors(step), KEEP)
          .then(() => {
            promised.safe = Math.max(promised.safe, step);
          });
      }
      if (isAwaited(step)) await last;
      clock.pass(300);
      if (step % 3 === 0) await folder.flush();
    }
    await last;
    await folder.summary({ steps: STEPS });
    await folder.close();
  };

/** Another one for each crash, so that one draw may find what another misses. */
const seedOf = (draw: number, at: number, when: 'before' | 'after'): number =>
  10_000 * (SEED + draw) + 2 * at + (when === 'after' ? 1 : 0);

async function countCalls(script: Script): Promise<number> {
  const disk = new SimDisk({ seed: 0 });
  await script(disk, { safe: 0, made: false, rolledBack: false });
  return disk.calls;
}

/** After a crash: takes the folder up, and finds what was promised. @returns the step from which it goes on */
async function expectKept(disk: SimDisk, promised: Promised): Promise<number> {
  const { folder, found, damaged } = await takeUp(disk.life(), new ManualClock());
  expect(damaged).toEqual([]);
  const step = found?.step ?? 0;
  expect(step).toBeGreaterThanOrEqual(promised.safe);
  if (found !== null) expect(found.tensors).toEqual(tensors(step));
  expect(lines(disk)).toEqual(told(step));
  await folder.close();
  return step;
}

const scripts: [name: string, script: Script][] = [
  ['each checkpoint waited for', steps(() => true)],
  ['lines and checkpoints on the way together', steps((step) => step === 6)],
];

describe.each(scripts)(`crashes, seed ${SEED}: %s`, { timeout: 120_000 }, (_, script) => {
  test('at every operation: nothing that was safe is lost, and the run goes on to its end', async () => {
    const calls = await countCalls(script);
    expect(calls).toBeGreaterThan(60);
    let unlike = 0;
    for (let draw = 0; draw < SEEDS; draw++)
      for (let at = 1; at <= calls; at++)
        for (const when of ['before', 'after'] as const) {
          const disk = new SimDisk({ seed: seedOf(draw, at, when) });
          const promised: Promised = { safe: 0, made: false, rolledBack: false };
          expect(await live(disk, script, promised, at, when)).toBe(true);
          if (promised.made) expect(disk.contents(`${DIR}/config.json`)).not.toBeNull();
          const found = await expectKept(disk, promised);
          if (found !== promised.safe) unlike++;
          expect(await live(disk, script, promised, -1, when)).toBe(false);
          expect(lines(disk)).toEqual(told(STEPS));
          expect(disk.contents(`${DIR}/run.lock`)).toBeNull();
        }
    // Draws differ: some crashes leave a checkpoint that nobody had been told of yet.
    expect(unlike).toBeGreaterThan(0);
  });

  test('and at every operation of taking it up again', async () => {
    const calls = await countCalls(script);
    let crashes = 0;
    for (let draw = 0; draw < 6 * SEEDS; draw++) {
      const stream = new Stream(SEED, 2, draw);
      const at = Math.floor(calls / 4) + stream.integerBelow(0, Math.floor((3 * calls) / 4) - 1);
      for (let again = 1; ; again++) {
        const disk = new SimDisk({ seed: seedOf(draw, again, 'before') });
        const promised: Promised = { safe: 0, made: false, rolledBack: false };
        expect(await live(disk, script, promised, at, 'after')).toBe(true);
        const resume: Script = async (d) => void (await takeUp(d.life(), new ManualClock()));
        const crashed = await live(disk, resume, promised, again, again % 2 === 0 ? 'before' : 'after');
        await expectKept(disk, promised);
        if (!crashed) break;
        crashes++;
      }
    }
    expect(crashes).toBeGreaterThan(10 * SEEDS);
  });
});

describe(`a roll-back, seed ${SEED}`, { timeout: 120_000 }, () => {
  const CLEAN = 5;
  /** In history a to step 8, back to step 5 or before, and on in history b. */
  const script: Script = async (disk, promised) => {
    const clock = new ManualClock();
    const { folder } = await takeUp(disk.life(), clock);
    const keep = { last: 2, clean: CLEAN };
    const make = async (from: number, to: number, history: string) => {
      for (let step = from; step <= to; step++) {
        tell(folder, step, history);
        if (step % 2 === 0) await folder.checkpoint(step, () => tensors(step, history), keep);
        if (step % 2 === 0) promised.safe = step;
        if (step % 3 === 0) await folder.flush();
      }
    };
    await make(1, 7, 'a');
    // It is asked for while a checkpoint is under way, and while lines are still buffered.
    tell(folder, 8);
    const last = folder.checkpoint(8, () => tensors(8), keep);
    promised.safe = 4;
    const found = await folder.rollBack(CLEAN);
    await last;
    promised.rolledBack = true;
    expect(found?.step).toBe(4);
    expect(found?.tensors).toEqual(tensors(4));
    await make(5, 10, 'b');
    await folder.close();
  };

  test('ends with the new history alone', async () => {
    const disk = new SimDisk({ seed: SEED });
    await script(disk, { safe: 0, made: false, rolledBack: false });
    expect(lines(disk)).toEqual(told(10, 5));
    expect(await disk.life().list(DIR)).toEqual([
      'checkpoint-10.safetensors',
      'checkpoint-4.safetensors',
      'checkpoint-8.safetensors',
      'config.json',
      ...['diagnostics', 'ledger', 'log', 'samples'].map((name) => `${name}.jsonl`),
    ]);
  });

  test('crashes at every operation: checkpoint and lines are of one history', async () => {
    const calls = await countCalls(script);
    const found = { a: 0, b: 0 };
    for (let draw = 0; draw < SEEDS; draw++)
      for (let at = 1; at <= calls; at++)
        for (const when of ['before', 'after'] as const) {
          const disk = new SimDisk({ seed: seedOf(draw, at, when) });
          const promised: Promised = { safe: 0, made: false, rolledBack: false };
          expect(await live(disk, script, promised, at, when)).toBe(true);
          const taken = await takeUp(disk.life(), new ManualClock());
          expect(taken.damaged).toEqual([]);
          const step = taken.found?.step ?? 0;
          const isNew = taken.found?.tensors[0]?.name === 'b';
          found[isNew ? 'b' : 'a']++;
          expect(step).toBeGreaterThanOrEqual(promised.safe);
          if (promised.rolledBack && step > 4) expect(isNew).toBe(true);
          expect(lines(disk)).toEqual(told(step, isNew ? 5 : undefined));
        }
    expect(Math.min(found.a, found.b)).toBeGreaterThan(10);
  });

  test('drops what it is told of undone steps meanwhile, and keeps what is of others', async () => {
    const disk = new SimDisk({ seed: SEED });
    const { folder } = await takeUp(disk.life(), new ManualClock());
    for (let step = 1; step <= 6; step++) {
      tell(folder, step);
      if (step === 5) await folder.checkpoint(step, () => tensors(step), KEEP);
    }
    const late = (step: number) => ({ step, samples: ['drawn late'] });
    let calls = 0;
    disk.onCall = (when, _, file) => {
      if (when !== 'after' || file !== `${DIR}/samples.jsonl`) return;
      if (calls++ === 0) folder.samples(late(5));
      folder.samples(late(6));
    };
    await folder.rollBack(CLEAN);
    expect(calls).toBeGreaterThan(1);
    disk.onCall = () => undefined;
    await folder.close();
    const { samples = [], ...others } = told(5);
    expect(lines(disk)).toEqual({ ...others, samples: [...samples, late(5)] });
  });

  test('to a step before any checkpoint is to the beginning; a damaged checkpoint is passed over', async () => {
    const disk = new SimDisk({ seed: SEED });
    const { folder } = await takeUp(disk.life(), new ManualClock());
    for (let step = 1; step <= 6; step++) {
      tell(folder, step);
      await folder.checkpoint(step, () => tensors(step), { last: 9 });
    }
    disk.flip(`${DIR}/checkpoint-3.safetensors`, 8 * 200);
    expect((await folder.rollBack(3))?.step).toBe(2);
    expect(lines(disk)).toEqual(told(2));
    const names = (await disk.life().list(DIR)).filter((name) => name.startsWith('checkpoint'));
    expect(names).toEqual(
      [1, 2, '3.safetensors.damaged'].map((n) => `checkpoint-${typeof n === 'number' ? `${n}.safetensors` : n}`),
    );
    expect(await folder.rollBack(0)).toBeNull();
    expect(lines(disk)).toEqual(told(0));
    for (let step = 1; step <= 2; step++) tell(folder, step, 'b');
    await folder.close();
    expect(lines(disk)).toEqual(told(2, 1));
  });
});

describe('lines', () => {
  /** A folder whose log ends in what a crash may leave, taken up at step 4. */
  async function resumed(spoil: (log: string) => string): Promise<{ disk: SimDisk; folder: RunFolder }> {
    const disk = new SimDisk({ seed: SEED });
    const first = await takeUp(disk.life(), new ManualClock());
    for (let step = 1; step <= 9; step++) {
      tell(first.folder, step);
      if (step === 4) await first.folder.checkpoint(step, () => tensors(step), KEEP);
    }
    await first.folder.close();
    for (const name of ['log', 'ledger', 'samples']) {
      const file = `${DIR}/${name}.jsonl`;
      const text = new TextDecoder().decode(disk.contents(file) ?? new Uint8Array(0));
      const handle = await disk.life().open(file, 'write');
      await handle.write(new TextEncoder().encode(spoil(text)));
      await handle.sync();
      await handle.close();
    }
    return { disk, folder: (await takeUp(disk.life(), new ManualClock())).folder };
  }

  test.each<[string, (log: string) => string]>([
    ['whole lines of later steps', (log) => log],
    ['a torn line', (log) => log.slice(0, -7)],
    ['a last line without its newline', (log) => log.slice(0, -1)],
    ['zeros', (log) => `${log}${'\0'.repeat(5000)}`],
    ['zeros, and a line after them', (log) => `${log}${'\0'.repeat(50)}\n{"step":7}\n`],
    ['garbage of several lines', (log) => `${log}\n]\nnull\n7\n"step"\n{"step":"4"}\n\u{fffd}\n`],
    ['garbage among the lines that are kept', (log) => log.replace('\n', '\n{"step":\n\0\n')],
    ['steps out of order', (log) => `{"step":9}\n${log}`],
  ])('that a crash or a person left, %s, are cut off', async (_, spoil) => {
    const { disk, folder } = await resumed(spoil);
    expect(lines(disk)).toEqual(told(4));
    for (let step = 5; step <= 8; step++) tell(folder, step);
    await folder.close();
    expect(lines(disk)).toEqual(told(8));
  });

  test('are there in full when the log has been made durable in the middle of a step’s', async () => {
    const disk = new SimDisk({ seed: SEED });
    const clock = new ManualClock();
    const { folder } = await takeUp(disk.life(), clock);
    // More than is held in memory, so that it is synced between checkpoints as well.
    for (let step = 1; step <= 3000; step++) {
      folder.ledger({ step, blocks: [{ lo: 0, counts: [1], by: 'x'.repeat(1000) }] });
      if (step % 500 === 0) clock.pass(500);
      if (step % 500 === 0) await settle();
    }
    await folder.checkpoint(3000, () => tensors(3000), KEEP);
    disk.crash();
    await takeUp(disk.life(), clock);
    const steps = lines(disk).ledger?.map((line) => (line as { step: number }).step);
    expect(steps).toEqual(Array.from({ length: 3000 }, (__, i) => i + 1));
  });
});
