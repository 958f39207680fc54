/** The remote worker: a process that joins a coordinator over WebSocket and computes for it on its own threads. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { UserError } from '../core/errors.ts';
import { MAX_FRAME_BYTES } from '../core/protocol/frames.ts';
import { SUBPROTOCOL } from '../core/protocol/messages.ts';
import { ArrivingState } from '../core/protocol/statePieces.ts';
import { loadModel } from '../models/loadCode.ts';
import type { ModelSpec } from '../models/model.ts';
import { ThreadPool } from './pool.ts';
import { KeptThreads, workUntilFinished } from './rejoin.ts';
import type { Link, LinkEvents, Status } from './session.ts';
import { plainTrouble, tlsTrouble } from './tlsTrouble.ts';

const HANDSHAKE_MS = 20_000;

export interface RemoteOptions {
  /** ws:// or wss:// */
  readonly url: string;
  /** PEM: the authority that the coordinator's certificate must be of, or that certificate; else one that Node knows. */
  readonly ca?: string;
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
 * @throws UserError if it is refused: wrong token, protocol version or numerics; or if their TLS does not fit
 */
export async function runRemoteWorker({
  url,
  ca,
  token,
  threads,
  name,
  trusted,
  onStatus,
  signal,
  drain,
}: RemoteOptions): Promise<void> {
  const pools = new KeptThreads((spec: ModelSpec) => ThreadPool.start(spec, threads));
  let trouble: UserError | null = null;
  const givenUp = new AbortController();
  const giveUp = (what: string) => {
    trouble = new UserError(`the coordinator at ${url} ${what}`);
    givenUp.abort();
  };
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
      arriving: new ArrivingState(),
      open: (events) => openSocket(url, ca, events, giveUp),
      sleep: (ms, aborted) => sleep(ms, undefined, { signal: aborted }).catch(() => undefined),
      onStatus,
      signal: AbortSignal.any([signal, givenUp.signal]),
      drain,
    });
    if (trouble !== null) throw trouble;
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

/** A link to a coordinator. @param giveUp told what is wrong with it, where coming back would not help */
export function openSocket(
  url: string,
  ca: string | undefined,
  events: LinkEvents,
  giveUp: (what: string) => void,
): Link {
  const socket = new WebSocket(url, SUBPROTOCOL, {
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_MS,
    ...(ca === undefined ? {} : { ca }),
  });
  let failure = '';
  socket.on('open', () => events.opened());
  socket.on('ping', () => events.alive());
  socket.on('message', (data: Buffer) => events.received(data));
  socket.on('error', (error) => {
    failure ||= error.message;
    const trouble = tlsTrouble(error);
    if (trouble !== null) giveUp(trouble);
  });
  socket.on('unexpected-response', (_, { statusCode, headers }) => {
    failure = `it answered with status ${statusCode}`;
    const trouble = plainTrouble(statusCode, headers.upgrade);
    if (trouble !== null) giveUp(trouble);
    socket.terminate();
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
