/**
 * Workers of real runs that come back: cut off in the middle of the parameters, sent away for what they did, and, by whoever
 * runs it, for good.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { FrameDecoder } from '../../core/protocol/frames.ts';
import { fromCoordinatorSchema, SUBPROTOCOL } from '../../core/protocol/messages.ts';
import { PIECE_VALUES } from '../../core/protocol/statePieces.ts';
import type { ModelSpec } from '../../models/model.ts';
import { ThreadPool } from '../../worker/pool.ts';
import { workUntilFinished } from '../../worker/rejoin.ts';
import { openSocket } from '../../worker/remote.ts';
import type { Status, Threads } from '../../worker/session.ts';
import { wasm } from '../support/backends.ts';
import { Cli, endAll, readSummary, scratch } from '../support/cli.ts';
import { LivePage } from '../support/livePage.ts';

const { dir, remove } = scratch();
const cleanUps: (() => void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  await endAll();
});
afterAll(remove);

const LISTEN = ['--listen', '127.0.0.1:0', '--token', 't', '--key', 'k'];
const SMALL = ['--set', 'batch=128', '--eval-every', '0', '--samples', '0', '--json'];

function train(name: string, ...more: string[]): Cli {
  return new Cli(['train', 'names-mlp', '--out', join(dir, name), ...SMALL, ...more]);
}

const portOf = async (run: Cli): Promise<number> => Number((await run.until((e) => e.event === 'listening')).port);

/** A piece of a state that went through. */
interface Piece {
  readonly connection: number;
  readonly id: string;
  readonly offset: number;
}

/** Stands between workers and a coordinator, and cuts the first connection once so many pieces of a state went through. */
async function cutter(to: number, pieces: number): Promise<{ port: number; seen: Piece[] }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => SUBPROTOCOL });
  await once(server, 'listening');
  const seen: Piece[] = [];
  let connections = 0;
  server.on('connection', (near) => {
    const connection = connections++;
    const far = new WebSocket(`ws://127.0.0.1:${to}`, SUBPROTOCOL);
    const decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
    cleanUps.push(() => far.terminate());
    far.on('error', () => undefined);
    const opened = once(far, 'open');
    near.on('message', (data: Buffer) => void opened.then(() => far.send(data)));
    near.on('close', () => far.terminate());
    far.on('close', (code, reason) => (code === 1006 ? near.terminate() : near.close(code, reason)));
    far.on('message', (data: Buffer) => {
      near.send(data);
      const header = decoder.push(data)?.header;
      if (header?.kind !== 'state') return;
      seen.push({ connection, id: header.id, offset: header.offset });
      if (seen.length !== pieces) return;
      // What the worker has been sent it has read when it says that the link is gone.
      near.close(1001);
      far.terminate();
    });
  });
  cleanUps.push(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

test('cut off in the middle of the parameters, a worker is sent the rest of them', async () => {
  // 1.2 million parameters are 37 pieces.
  const run = train('cut', '--threads', '0', '--set', 'model.hidden=20000', ...LISTEN);
  const { port, seen } = await cutter(await portOf(run), 20);
  new Cli(['worker', `ws://127.0.0.1:${port}`, '--token', 't', '--threads', '1', '--json']);
  await run.step(1);
  const first = seen.filter(({ connection }) => connection === 0);
  expect(first.map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, i) => i * PIECE_VALUES));
  const second = seen.filter(({ connection, id }) => connection === 1 && id === first[0]?.id);
  const count = Math.ceil(1_240_407 / PIECE_VALUES);
  expect(second.map(({ offset }) => offset)).toEqual(
    Array.from({ length: count - 20 }, (_, i) => (20 + i) * PIECE_VALUES),
  );
}, 60_000);

describe('a worker that was sent away', () => {
  test('for its answer comes back by itself when its time is over, and the run ends with the bits of one thread', async () => {
    const alone = train('alone', '--steps', '30', '--threads', '1');
    expect(await alone.exited, alone.stderr).toEqual({ code: 0, signal: null });
    const run = train('spoiled', '--steps', '30', '--threads', '0', ...LISTEN);
    const url = `ws://127.0.0.1:${await portOf(run)}`;
    const statuses: Status[] = [];
    let spoiled = 0;
    let pool: ThreadPool | null = null;
    const stop = new AbortController();
    cleanUps.push(() => {
      stop.abort();
      void pool?.close();
    });
    await workUntilFinished({
      where: url,
      hello: { token: 't', name: 'clumsy', agent: 'remote', slots: 1, numerics: await fingerprint(wasm) },
      admit: async () => {},
      threadsFor: async (spec: ModelSpec) => {
        pool ??= await ThreadPool.start(spec, 1);
        const whole = pool;
        const clumsy: Threads = {
          broken: false,
          get state() {
            return whole.state;
          },
          setState: (state) => whole.setState(state),
          // Its third answer lacks a number.
          run: (work, use, progress) =>
            whole.run(
              work,
              (result) => use(++spoiled === 3 ? { ...result, gradient: result.gradient.subarray(1) } : result),
              progress,
            ),
          close: () => whole.close(),
        };
        return clumsy;
      },
      held: () => pool?.state ?? null,
      open: (events) => openSocket(url, undefined, events, () => undefined),
      sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
      onStatus: (status) => {
        if (status.kind !== 'progress') statuses.push(status);
      },
      signal: stop.signal,
    });
    expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
    expect(statuses).toEqual([
      { kind: 'joined', run: 'spoiled' },
      { kind: 'sentAway', reason: 'it sent a gradient of 12096 numbers instead of 12097', seconds: 10 },
      { kind: 'joined', run: 'spoiled' },
    ]);
    const coming = run.events.flatMap((e) => (e.event === 'worker' ? [e.joined] : []));
    expect(coming.slice(0, 3)).toEqual([true, false, true]);
    const { paramsSha256, workersSeen } = readSummary(join(dir, 'spoiled'));
    expect(paramsSha256).toBe(readSummary(join(dir, 'alone')).paramsSha256);
    expect(workersSeen).toEqual(['clumsy']);
  }, 90_000);

  test('by whoever runs it says so and ends, and is not let in again; another is', async () => {
    const run = train('kicked', '--threads', '0', ...LISTEN);
    const port = await portOf(run);
    const worker = (name: string) =>
      new Cli(['worker', `ws://127.0.0.1:${port}`, '--token', 't', '--threads', '1', '--name', name, '--json']);
    const comes = (name: string) => run.until((e) => e.event === 'worker' && String(e.name).startsWith(`${name}#`));
    const unwanted = worker('unwanted');
    await comes('unwanted');
    const page = await LivePage.open(port, 'k', '/live');
    await page.until((s) => s?.workers.length === 1);
    const answer = await page.ask({ kind: 'kick', worker: page.state?.workers[0]?.id ?? -1 });
    expect(answer).toMatchObject({ error: null });
    for (const cli of [unwanted, worker('unwanted')]) {
      expect(await cli.exited).toEqual({ code: 1, signal: null });
      expect(cli.stderr).toMatch(/^manygrad: the coordinator at .* turned this worker away: the operator sent it away/);
    }
    worker('welcome');
    await comes('welcome');
  }, 60_000);
});
