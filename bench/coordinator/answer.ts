/**
 * Workers that take no time, all in this process: each answers a lease with the same gradient as soon as it has come. Beside them,
 * clients that answer so many bytes by as many.
 *
 *   node bench/coordinator/answer.ts ours|bare <port>
 */
import { WebSocket } from 'ws';
import { parameterLayout } from '../../core/nn/index.ts';
import { MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';
import type { Result, State, Work } from '../../core/protocol/work.ts';
import { buildModel } from '../../models/model.ts';
import { Session, type Threads } from '../../worker/session.ts';
import { type Contender, MODEL, TOKEN, WORKERS } from './task.ts';

const [contender, port] = process.argv.slice(2) as [Contender, string];
const url = `ws://127.0.0.1:${port}`;
const parameters = parameterLayout(buildModel(MODEL)).length;
const gradient = new Float32Array(parameters).fill(1e-3);
const statistics = new Float32Array(0);

const atOnce: Threads = {
  state: null,
  broken: false,
  setState: (_: State) => undefined,
  run: async ({ round, lo, size, counts }: Work, use: (result: Result) => void) =>
    use({ round, lo, size, losses: counts.map(() => 1), counts, gradient, statistics }),
  close: async () => undefined,
};

function answerOurs(index: number): void {
  new Session(
    {
      hello: { token: TOKEN, name: `idle-${index}`, agent: 'remote', slots: 1, numerics: '' },
      admit: async () => undefined,
      threadsFor: async () => atOnce,
      held: () => null,
      onStatus: () => undefined,
      signal: new AbortController().signal,
    },
    (events) => {
      const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false, maxPayload: MAX_FRAME_BYTES });
      socket.on('open', () => events.opened());
      socket.on('message', (data: Buffer) => events.received(data));
      socket.on('error', () => undefined);
      return { send: (frame) => socket.send(frame), leave: () => socket.close(), end: () => socket.terminate() };
    },
  );
}

function answerBare(): void {
  const bytes = Buffer.from(gradient.buffer);
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let received = 0;
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    received += data.byteLength;
    if (received < bytes.byteLength) return;
    received = 0;
    for (let at = 0; at < bytes.byteLength; at += MAX_FRAME_BYTES)
      socket.send(bytes.subarray(at, at + MAX_FRAME_BYTES));
  });
}

for (let i = 0; i < WORKERS; i++) {
  if (contender === 'ours') answerOurs(i);
  else answerBare();
}
