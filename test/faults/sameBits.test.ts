/**
 * The promise: the same bits, whoever does the work and whatever fails. Real processes, killed with SIGKILL at random steps;
 * each run's ledger must show every micro-batch of every step exactly once.
 *
 * MANYGRAD_SCHEDULES asks for more random schedules, MANYGRAD_SEED for a particular sequence of them.
 */
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { LedgerLine } from '../../coordinator/runFolder.ts';
import { Stream } from '../../core/random/streams.ts';
import { Cli, endAll, readJsonLines, readSummary, scratch } from '../support/cli.ts';
import { expectExactLedger, worked } from '../support/ledger.ts';

const STEPS = 130;
/** So many that a remote worker's part is worth its way there and back: leases go by speed. */
const MICRO_BATCHES = 32;
const SCHEDULES = Number(process.env.MANYGRAD_SCHEDULES ?? 6);
const SEED = Number(process.env.MANYGRAD_SEED ?? Date.now() % 1_000_000);

const { dir, remove } = scratch();
let runs = 0;
let reference: { paramsSha256: string; buffersSha256: string };

function folder(): string {
  return join(dir, `run-${runs++}`);
}

function train(out: string, ...more: string[]): Cli {
  const batch = [
    '--set',
    `batch=${32 * MICRO_BATCHES}`,
    '--set',
    'microBatch=32',
    '--steps',
    String(STEPS),
    '--eval-every',
    '0',
  ];
  return new Cli(['train', 'names-wavenet', '--json', '--samples', '0', '--out', out, ...batch, ...more]);
}

const LISTEN = ['--listen', '127.0.0.1:0', '--token', 'secret'];

async function listening(coordinator: Cli): Promise<number> {
  return (await coordinator.until((e) => e.event === 'listening')).port as number;
}

function worker(port: number, name: string): Cli {
  return new Cli(['worker', `ws://127.0.0.1:${port}`, '--token', 'secret', '--threads', '1', '--name', name, '--json']);
}

const joined = (name: string, is: boolean) => (e: { event: string; [k: string]: unknown }) =>
  e.event === 'worker' && String(e.name).startsWith(`${name}#`) && e.joined === is;

/** The run ended well with the reference's bits, and its ledger counts every micro-batch of every step once. */
async function expectSameBits(coordinator: Cli, out: string): Promise<void> {
  expect(await coordinator.exited, coordinator.stderr).toEqual({ code: 0, signal: null });
  const { paramsSha256, buffersSha256 } = readSummary(out);
  expect({ paramsSha256, buffersSha256 }).toEqual(reference);
  expectExactLedger(out, STEPS, MICRO_BATCHES, 32);
}

/** A door that lets a connection through only once it is opened: a worker that is ready, but comes later. */
async function gate(
  to: number,
): Promise<{ port: number; arrived: Promise<void>; open: () => void; close: () => void }> {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    sockets.add(inner);
    arrive();
    inner.on('error', () => undefined);
    void opened.then(() => {
      const outer = connect(to, '127.0.0.1');
      sockets.add(outer);
      outer.on('error', () => inner.destroy());
      inner.pipe(outer).pipe(inner);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: address.port, arrived, open, close };
}

beforeAll(async () => {
  const out = folder();
  const coordinator = train(out, '--threads', '1');
  expect(await coordinator.exited, coordinator.stderr).toEqual({ code: 0, signal: null });
  const { paramsSha256, buffersSha256 } = readSummary(out);
  reference = { paramsSha256, buffersSha256 };
  expectExactLedger(out, STEPS, MICRO_BATCHES, 32);
}, 60_000);

afterEach(endAll);
afterAll(remove);

describe('the same bits as one thread', { timeout: 60_000 }, () => {
  test('two threads', async () => {
    const out = folder();
    await expectSameBits(train(out, '--threads', '2'), out);
  });

  test('two threads, of a GPT on running text', async () => {
    const text = join(dir, 'text.txt');
    writeFileSync(text, Array.from({ length: 500 }, (_, i) => `${i} squared is ${i * i}.\n`).join(''));
    const small = ['--steps', '40', '--set', 'batch=28', '--set', 'model.layers=2', '--eval-every', '0'];
    const ends = [];
    for (const threads of ['1', '2']) {
      const out = folder();
      const run = new Cli([
        'train',
        'text-gpt',
        '--data',
        text,
        '--out',
        out,
        '--threads',
        threads,
        '--quiet',
        ...small,
      ]);
      expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
      const { paramsSha256, trainLoss, valLoss } = readSummary(out);
      ends.push({ paramsSha256, trainLoss, valLoss });
      // The last micro-batch is half a one, and what is counted are tokens.
      const [first] = readJsonLines<LedgerLine>(join(out, 'ledger.jsonl'));
      const counts = first?.blocks.toSorted((a, b) => a.lo - b.lo).flatMap((block) => block.counts);
      expect(counts).toEqual([256, 256, 256, 128]);
    }
    expect(ends[1]).toEqual(ends[0]);
  });

  test('no threads and two remote workers', async () => {
    const out = folder();
    const coordinator = train(out, '--threads', '0', '--min-workers', '2', ...LISTEN);
    const port = await listening(coordinator);
    const workers = [worker(port, 'a'), worker(port, 'b')];
    await expectSameBits(coordinator, out);
    expect(worked(out, 'a') && worked(out, 'b')).toBe(true);
    for (const w of workers) expect(await w.exited, w.stderr).toEqual({ code: 0, signal: null });
  });

  const schedules = Array.from({ length: SCHEDULES }, (_, i) => {
    const stream = new Stream(SEED, 1, i);
    // Late enough for the victim to have warmed up, and to have been faster than others with some of its work.
    const killAt = 40 + stream.integerBelow(0, STEPS - 110);
    return { schedule: i, killAt, joinAt: killAt + 1 + stream.integerBelow(1, STEPS - 60 - killAt) };
  });
  test.each(schedules)(
    `seed ${SEED}, $schedule: one of two remote workers killed at step $killAt, another from $joinAt`,
    async ({ killAt, joinAt }) => {
      const out = folder();
      const coordinator = train(out, '--threads', '1', '--min-workers', '3', ...LISTEN);
      const port = await listening(coordinator);
      const late = await gate(port);
      const latecomer = worker(late.port, 'latecomer');
      await late.arrived;
      const [victim, survivor] = [worker(port, 'victim'), worker(port, 'survivor')];
      await coordinator.step(killAt);
      victim.kill('SIGKILL');
      await coordinator.step(joinAt);
      late.open();
      await expectSameBits(coordinator, out);
      late.close();
      // The faults fired: the victim had worked, died of SIGKILL, and was missed; the survivor worked on to the end.
      expect(await victim.exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(coordinator.events.some(joined('victim', false))).toBe(true);
      expect(worked(out, 'victim')).toBe(true);
      expect(coordinator.events.some(joined('latecomer', true))).toBe(true);
      expect(await survivor.exited, survivor.stderr).toEqual({ code: 0, signal: null });
      latecomer.kill('SIGKILL');
    },
  );

  test(`seed ${SEED}: the coordinator killed at random steps and resumed, its worker coming back by itself`, async () => {
    const out = folder();
    const common = ['--threads', '1', '--checkpoint-every', '7'];
    const stream = new Stream(SEED, 2);
    let coordinator = train(out, ...common, '--min-workers', '2', ...LISTEN);
    const port = await listening(coordinator);
    const helper = worker(port, 'helper');
    let killAt = 0;
    for (let kill = 0; kill < 3; kill++) {
      killAt += 8 + stream.integerBelow(kill, 25);
      await coordinator.step(killAt);
      coordinator.kill('SIGKILL');
      expect(await coordinator.exited).toEqual({ code: null, signal: 'SIGKILL' });
      coordinator = new Cli([
        ...['train', '--resume', out, '--json', '--samples', '0', '--eval-every', '0', ...common],
        ...['--min-workers', '2', '--listen', `127.0.0.1:${port}`, '--token', 'secret'],
      ]);
      const resumed = (await coordinator.until((e) => e.event === 'start')).step as number;
      // It went back to a checkpoint, not to the beginning.
      expect(resumed).toBeGreaterThanOrEqual(killAt - (killAt % 7) - 7);
      expect(resumed).toBeLessThan(STEPS);
      await coordinator.until(joined('helper', true));
    }
    await expectSameBits(coordinator, out);
    expect(await helper.exited, helper.stderr).toEqual({ code: 0, signal: null });
  });

  test('stopped by Ctrl-C, and resumed', async () => {
    const out = folder();
    const first = train(out, '--threads', '2', '--checkpoint-every', '0');
    await first.step(60);
    first.kill('SIGINT');
    expect(await first.exited).toEqual({ code: 130, signal: null });
    expect(readSummary(out).complete).toBe(false);
    const second = new Cli([
      'train',
      '--resume',
      out,
      '--json',
      '--samples',
      '0',
      '--eval-every',
      '0',
      '--threads',
      '1',
    ]);
    expect((await second.until((e) => e.event === 'start')).step).toBeGreaterThanOrEqual(60);
    await expectSameBits(second, out);
  });

  test('a worker that comes from another run of the same model brings nothing of it along', async () => {
    const other = folder();
    const first = train(other, '--threads', '0', '--seed', '99', ...LISTEN);
    const port = await listening(first);
    const helper = worker(port, 'helper');
    await first.step(1);
    first.kill('SIGKILL');
    await first.exited;
    const out = folder();
    const second = train(out, '--threads', '0', '--listen', `127.0.0.1:${port}`, '--token', 'secret');
    await expectSameBits(second, out);
    expect(second.events.some(joined('helper', true))).toBe(true);
    expect(await helper.exited, helper.stderr).toEqual({ code: 0, signal: null });
  });
});
