/** The remote worker: a process that joins a coordinator over WebSocket and computes for it on its own threads. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { UserError } from '../core/errors.ts';
import { MAX_FRAME_BYTES } from '../core/protocol/frames.ts';
import { SUBPROTOCOL } from '../core/protocol/messages.ts';
import { loadModel } from '../models/loadCode.ts';
import type { ModelSpec } from '../models/model.ts';
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
  /** Code of models of one's own that may be run here; `all`: whatever the coordinator sends. */
  readonly trusted: readonly string[] | 'all';
  /** Told of joining, leaving and work done, for a person to read. */
  readonly onStatus: (status: Status) => void;
  /** Leaves at once. */
  readonly signal: AbortSignal;
  /** Leaves once the leases that it holds are answered. */
  readonly drain: AbortSignal;
}

/**
 * Works for the coordinator at `url` until the run has finished, or it has left because `signal` or `drain` aborted.
 * @throws UserError if it is refused: wrong token, protocol version or numerics
 */
export async function runRemoteWorker({
  url,
  token,
  threads,
  name,
  trusted,
  onStatus,
  signal,
  drain,
}: RemoteOptions): Promise<void> {
  const pools = new KeptThreads((spec: ModelSpec) => ThreadPool.start(spec, threads));
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
      admit: (spec) => admit(spec, trusted),
      threadsFor: (spec) => pools.for(spec),
      held: () => pools.current?.state ?? null,
      open: (events) => openSocket(url, events),
      sleep: (ms, aborted) => sleep(ms, undefined, { signal: aborted }).catch(() => undefined),
      onStatus,
      signal,
      drain,
    });
  } finally {
    await pools.close();
  }
}

/** A coordinator is not trusted to run code here: only what this machine has, or what its owner has allowed. */
async function admit(spec: ModelSpec, trusted: RemoteOptions['trusted']): Promise<void> {
  if (spec.name === 'custom' && trusted !== 'all' && !trusted.includes(spec.code))
    throw new UserError(
      `the run trains ${spec.title}, a model of its own, whose code this worker has not: give it the same file with --model, or --trust-code to run what the coordinator sends.`,
    );
  await loadModel(spec);
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
