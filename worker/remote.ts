/** The remote worker: a process that joins a coordinator over WebSocket and computes for it on its own threads. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { MAX_FRAME_BYTES } from '../core/protocol/frames.ts';
import { SUBPROTOCOL } from '../core/protocol/messages.ts';
import { ThreadPool } from './pool.ts';
import { KeptThreads, workUntilFinished } from './rejoin.ts';
import type { Link, LinkEvents, Status } from './session.ts';

const HANDSHAKE_MS = 20_000;

export interface RemoteOptions {
  /** ws:// or wss:// */
  readonly url: string;
  readonly token: string;
  readonly threads: number;
  readonly name?: string;
  /** Told of joining, leaving and work done, for a person to read. */
  readonly onStatus: (status: Status) => void;
  readonly signal: AbortSignal;
}

/**
 * Works for the coordinator at `url` until the run has finished or `signal` aborts.
 * @throws UserError if it is refused: wrong token, protocol version or numerics
 */
export async function runRemoteWorker({ url, token, threads, name, onStatus, signal }: RemoteOptions): Promise<void> {
  const pools = new KeptThreads((spec: Parameters<typeof ThreadPool.start>[0]) => ThreadPool.start(spec, threads));
  try {
    await workUntilFinished({
      where: url,
      hello: {
        token,
        name: name ?? `${hostname()}:${process.pid}`.slice(-64),
        agent: 'remote',
        slots: threads,
        numerics: await fingerprint(await createWasmBackend()),
      },
      threadsFor: (spec) => pools.for(spec),
      held: () => pools.current?.state ?? null,
      open: (events) => openSocket(url, events),
      sleep: (ms, aborted) => sleep(ms, undefined, { signal: aborted }).catch(() => undefined),
      onStatus,
      signal,
    });
  } finally {
    await pools.close();
  }
}

function openSocket(url: string, events: LinkEvents): Link {
  const socket = new WebSocket(url, SUBPROTOCOL, {
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_MS,
  });
  let failure = '';
  socket.on('open', () => events.opened());
  socket.on('ping', () => events.alive());
  socket.on('message', (data: Buffer) => events.received(data));
  socket.on('error', (error) => {
    failure = error.message;
  });
  socket.on('close', (code, reason) => events.closed(code, reason.toString() || failure));
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    },
    leave: () => socket.close(),
    end: () => socket.terminate(),
  };
}
