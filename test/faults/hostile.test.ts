/** Peers that break the rules, one by one, in a run with an honest thread: each is dropped, and the bits stay. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import {
  fromCoordinatorSchema,
  type Header,
  type Message,
  parseState,
  parseWork,
  resultMessage,
  SUBPROTOCOL,
} from '../../core/protocol/messages.ts';
import { ArrivingState } from '../../core/protocol/statePieces.ts';
import type { Result, Work } from '../../core/protocol/work.ts';
import { Stream } from '../../core/random/streams.ts';
import { Compute } from '../../worker/compute.ts';
import { wasm } from '../support/backends.ts';
import { Cli, endAll, readSummary, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
const args = ['--steps', '30', '--set', 'batch=128', '--eval-every', '0', '--samples', '0', '--json', '--threads', '1'];
const PARAMS = 12_097;
const STATISTICS = 1 + 2 * 200;
let clean: string;
let numerics: string;

beforeAll(async () => {
  const run = new Cli(['train', 'names-mlp', '--out', join(dir, 'clean'), ...args]);
  expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
  clean = readSummary(join(dir, 'clean')).paramsSha256;
  numerics = await fingerprint(wasm);
}, 30_000);
afterEach(endAll);
afterAll(remove);

const send = (socket: WebSocket, message: Message<Header>) => {
  for (const frame of encodeFrames(message)) socket.send(frame);
};

/** A result of the right form, as an honest worker might send it. */
function plausible(work: Work): Result {
  return {
    round: work.round,
    lo: work.lo,
    size: work.size,
    losses: work.counts.map(() => 100),
    counts: work.counts,
    gradient: new Float32Array(PARAMS),
    statistics: new Float32Array(STATISTICS * work.counts.length).fill(1),
  };
}

type Attack = (socket: WebSocket, work: Work) => void;
const answering =
  (change: (honest: Result) => Result): Attack =>
  (socket, work) =>
    send(socket, resultMessage(change(plausible(work))));
const withNumber = (length: number, value: number) => new Float32Array(length).fill(value, length - 1);

const attacks: Record<string, { attack: Attack; reason: RegExp }> = {
  'random bytes': {
    attack: (socket) => socket.send(new Uint8Array(new Stream(7, 1).uint32s(1000).buffer)),
    reason: /it sent /,
  },
  'a text message': { attack: (socket) => socket.send('hello'), reason: /a text message/ },
  'a truncated frame': {
    attack: (socket, work) => {
      const [first] = encodeFrames(resultMessage(plausible(work)));
      socket.send((first as Uint8Array).subarray(0, 20));
    },
    reason: /cut short/,
  },
  'an oversize frame': {
    attack: (socket) => socket.send(new Uint8Array(1024 * 1024)),
    reason: /it sent a malformed WebSocket frame/,
  },
  'a second hello': {
    attack: (socket) => {
      send(socket, {
        header: { kind: 'hello', token: 't', name: 'x', agent: 'remote', slots: 1, numerics, holds: null },
        parts: [],
      });
    },
    reason: /a second hello/,
  },
  'a gradient of the wrong length': {
    attack: answering((r) => ({ ...r, gradient: new Float32Array(PARAMS - 1) })),
    reason: /a gradient of 12096 numbers instead of 12097/,
  },
  'a gradient that is far too long': {
    attack: answering((r) => ({ ...r, gradient: new Float32Array(10 * PARAMS) })),
    reason: /of at most/,
  },
  'a gradient with NaN': {
    attack: answering((r) => ({ ...r, gradient: withNumber(PARAMS, Number.NaN) })),
    reason: /a gradient that is not finite/,
  },
  'a gradient with infinity': {
    attack: answering((r) => ({ ...r, gradient: withNumber(PARAMS, Number.NEGATIVE_INFINITY) })),
    reason: /a gradient that is not finite/,
  },
  'a loss that is NaN': {
    attack: answering((r) => ({ ...r, losses: r.losses.map(() => Number.NaN) })),
    reason: /loss|header/,
  },
  'statistics with NaN': {
    attack: answering((r) => ({ ...r, statistics: withNumber(r.statistics.length, Number.NaN) })),
    reason: /statistics that are not finite/,
  },
  'another count of examples': {
    attack: answering((r) => ({ ...r, counts: r.counts.map((c) => c + 1) })),
    reason: /other examples/,
  },
  'a lease it does not hold': {
    attack: answering((r) => ({ ...r, round: r.round + 1 })),
    reason: /a lease that it did not hold/,
  },
};

describe('dropped, and training goes on to the same bits:', () => {
  test.each(Object.entries(attacks))('%s', async (name, { attack, reason }) => {
    const out = join(dir, name.replaceAll(' ', '-'));
    const door = ['--listen', '127.0.0.1:0', '--token', 't', '--min-workers', '2'];
    const run = new Cli(['train', 'names-mlp', '--out', out, ...args, ...door]);
    const url = String((await run.until((e) => e.event === 'listening')).url);
    const socket = new WebSocket(url, SUBPROTOCOL);
    const decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
    let attacked = false;
    socket.on('error', () => undefined);
    socket.on('open', () =>
      send(socket, {
        header: { kind: 'hello', token: 't', name: 'mallory', agent: 'remote', slots: 1, numerics, holds: null },
        parts: [],
      }),
    );
    socket.on('message', (data: Buffer) => {
      const message = decoder.push(data);
      if (message?.header.kind !== 'work' || attacked) return;
      attacked = true;
      attack(socket, parseWork({ header: message.header, parts: message.parts }));
    });
    const left = await run.until((e) => e.event === 'worker' && e.name === 'mallory#2' && e.joined === false);
    expect(attacked).toBe(true);
    expect(left.reason).toMatch(reason);
    expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
    const summary = readSummary(out);
    expect(summary.paramsSha256).toBe(clean);
    expect(summary.workersSeen).toEqual(['local']);
  });

  test('a stranger who never says hello, or says too much, costs nothing', async () => {
    const out = join(dir, 'strangers');
    const run = new Cli([
      'train',
      'names-mlp',
      '--out',
      out,
      ...args,
      '--listen',
      '127.0.0.1:0',
      '--token',
      't',
      '--min-workers',
      '2',
    ]);
    const url = String((await run.until((e) => e.event === 'listening')).url);
    const silent = new WebSocket(url, SUBPROTOCOL);
    const loud = new WebSocket(url, SUBPROTOCOL);
    silent.on('error', () => undefined);
    loud.on('error', () => undefined);
    loud.on('open', () => loud.send(new Uint8Array(100_000)));
    const code = await new Promise((resolve) => loud.on('close', resolve));
    expect(code).toBe(4002);
    const honest = new Cli(['worker', url, '--token', 't', '--threads', '1']);
    expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
    expect(readSummary(out).paramsSha256).toBe(clean);
    expect(await honest.exited, honest.stderr).toEqual({ code: 0, signal: null });
  });

  test('one who takes a lease and never answers: it is handed out again', async () => {
    const out = join(dir, 'staller');
    const door = ['--listen', '127.0.0.1:0', '--token', 't', '--min-workers', '2'];
    const run = new Cli(['train', 'names-mlp', '--out', out, ...args, ...door]);
    const url = String((await run.until((e) => e.event === 'listening')).url);
    const socket = new WebSocket(url, SUBPROTOCOL);
    const decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
    let answered = 0;
    let stalled = false;
    socket.on('error', () => undefined);
    socket.on('open', () =>
      send(socket, {
        header: { kind: 'hello', token: 't', name: 'staller', agent: 'remote', slots: 1, numerics, holds: null },
        parts: [],
      }),
    );
    // A few honest answers first, so that there is a pace to fall behind; then silence, though its pongs go on.
    const honest = new Compute(wasm, { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 });
    const arriving = new ArrivingState();
    const into = { gradient: new Float32Array(PARAMS), statistics: new Float32Array(STATISTICS * 4) };
    let queue = Promise.resolve();
    socket.on('message', (data: Buffer) => {
      const message = decoder.push(data);
      if (message === null) return;
      queue = queue.then(async () => {
        const { header, parts } = message;
        if (header.kind === 'state') {
          const state = arriving.take(parseState({ header, parts }));
          if (state !== null) honest.load(state);
        }
        if (header.kind !== 'work' || stalled) return;
        stalled = answered++ === 3;
        if (!stalled) send(socket, resultMessage(await honest.run(parseWork({ header, parts }), into)));
      });
    });
    expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
    expect(stalled).toBe(true);
    const summary = readSummary(out);
    expect(summary.paramsSha256).toBe(clean);
    expect(summary.workersSeen.toSorted()).toEqual(['local', 'staller']);
  });
});
