/**
 * The remote worker: a process that joins a coordinator over WebSocket, computes for it on its own threads, and comes back
 * by itself, with exponential back-off, when the link or the coordinator goes away.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { UserError } from '../core/errors.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../core/protocol/frames.ts';
import {
  CloseCode,
  fromCoordinatorSchema,
  type Header,
  type Message,
  parseState,
  parseWork,
  resultMessage,
  SUBPROTOCOL,
} from '../core/protocol/messages.ts';
import type { Result } from '../core/protocol/work.ts';
import { type ModelSpec, parseModelSpec } from '../models/model.ts';
import { ThreadPool } from './pool.ts';

/** Without a sign of life from the coordinator for this long, the link is taken for dead. It pings every 5 s. */
const SILENCE_MS = 20_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;
/** A coordinator is trusted with this much memory: parameters of 4 GB. */
const MAX_BODY_BYTES = 4 * 1024 ** 3;

export interface RemoteOptions {
  /** ws:// or wss:// */
  readonly url: string;
  readonly token: string;
  readonly threads: number;
  readonly name?: string;
  /** Told of joining, leaving and work done, for a person to read. */
  readonly onStatus: (status: RemoteStatus) => void;
  readonly signal: AbortSignal;
}

export type RemoteStatus =
  | { readonly kind: 'joined'; readonly run: string }
  | { readonly kind: 'progress'; readonly step: number; readonly microBatches: number }
  | { readonly kind: 'waiting'; readonly reason: string; readonly seconds: number };

/**
 * Works for the coordinator at `url` until the run has finished or `signal` aborts.
 * @throws UserError if it is refused: wrong token, protocol version or numerics
 */
export async function runRemoteWorker(options: RemoteOptions): Promise<void> {
  const numerics = await fingerprint(await createWasmBackend());
  const pools = new PoolKeeper(options.threads);
  let retry = FIRST_RETRY_MS;
  try {
    while (!options.signal.aborted) {
      const session = new Session(options, numerics, pools);
      const { code, reason, worked } = await session.ended;
      if (options.signal.aborted || code === CloseCode.finished) return;
      if (code === CloseCode.refused || code === CloseCode.misbehaved)
        throw new UserError(`the coordinator at ${options.url} turned this worker away: ${reason}`);
      retry = worked ? FIRST_RETRY_MS : Math.min(retry * 2, LAST_RETRY_MS);
      // Spread out, so that a coordinator that comes back is not met by all its workers in one instant.
      const wait = retry * (0.5 + Math.random());
      options.onStatus({ kind: 'waiting', reason, seconds: wait / 1000 });
      await sleep(wait, undefined, { signal: options.signal }).catch(() => undefined);
    }
  } finally {
    await pools.close();
  }
}

/** Keeps the threads between sessions, so that a re-join to the same run starts warm. */
class PoolKeeper {
  readonly #threads: number;
  #spec = '';
  #pool: ThreadPool | null = null;

  constructor(threads: number) {
    this.#threads = threads;
  }

  async for(spec: ModelSpec): Promise<ThreadPool> {
    const key = JSON.stringify(spec);
    if (this.#pool === null || this.#spec !== key) {
      await this.close();
      this.#pool = await ThreadPool.start(spec, this.#threads);
      this.#spec = key;
    }
    return this.#pool;
  }

  async close(): Promise<void> {
    await this.#pool?.close();
    this.#pool = null;
  }
}

interface SessionEnd {
  readonly code: number;
  readonly reason: string;
  /** Whether a lease was computed in this session. */
  readonly worked: boolean;
}

/** One connection, from hello to close. */
class Session {
  readonly ended: Promise<SessionEnd>;
  readonly #options: RemoteOptions;
  readonly #pools: PoolKeeper;
  readonly #socket: WebSocket;
  readonly #decoder = new FrameDecoder(fromCoordinatorSchema, () => MAX_BODY_BYTES);
  readonly #end: (end: SessionEnd) => void;
  #pool: ThreadPool | null = null;
  #microBatches = 0;
  /** Why the connection closes, if the other side gives no reason. */
  #failure = 'the coordinator went away';
  #silence: NodeJS.Timeout | undefined;
  /** Frames are handled one after the other, though welcoming takes time. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: RemoteOptions, numerics: string, pools: PoolKeeper) {
    this.#options = options;
    this.#pools = pools;
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.#end = resolve;
    const socket = new WebSocket(options.url, SUBPROTOCOL, {
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
      handshakeTimeout: SILENCE_MS,
    });
    this.#socket = socket;
    const abort = () => socket.close();
    options.signal.addEventListener('abort', abort);
    socket.on('open', () => {
      this.#alive();
      const name = options.name ?? `${hostname()}:${process.pid}`.slice(-64);
      this.#send({
        header: { kind: 'hello', token: options.token, name, agent: 'remote', slots: options.threads, numerics },
        parts: [],
      });
    });
    socket.on('ping', () => this.#alive());
    socket.on('message', (data: Buffer) => {
      this.#alive();
      this.#queue = this.#queue.then(() => this.#receive(data)).catch((error: unknown) => this.#fail(error));
    });
    socket.on('error', (error) => {
      this.#failure = error.message;
    });
    socket.on('close', (code, reason) => {
      clearTimeout(this.#silence);
      options.signal.removeEventListener('abort', abort);
      this.#end({ code, reason: reason.toString() || this.#failure, worked: this.#microBatches > 0 });
    });
  }

  #alive(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket.terminate(), SILENCE_MS);
  }

  #send(message: Message<Header>): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    for (const frame of encodeFrames(message)) this.#socket.send(frame);
  }

  async #receive(data: Uint8Array): Promise<void> {
    const message = this.#decoder.push(data);
    if (message === null) return;
    const { header, parts } = message;
    switch (header.kind) {
      case 'welcome':
        this.#pool = await this.#pools.for(parseModelSpec(header.model));
        this.#options.onStatus({ kind: 'joined', run: header.run });
        return;
      case 'state':
        this.#pool?.setState(parseState({ header, parts }));
        return;
      case 'work': {
        const work = parseWork({ header, parts });
        // Not awaited: the next lease may be for another thread.
        const use = (result: Result) => {
          this.#send(resultMessage(result));
          this.#microBatches += result.losses.length;
          this.#options.onStatus({ kind: 'progress', step: work.version, microBatches: this.#microBatches });
        };
        this.#pool?.run(work, use).catch((error: unknown) => this.#fail(error));
        return;
      }
      default:
        return header satisfies never;
    }
  }

  /** Something is wrong on this side or with what came: give the leases back by leaving. */
  #fail(error: unknown): void {
    if (error instanceof UserError) {
      this.#end({ code: CloseCode.refused, reason: error.message, worked: false });
    } else this.#failure = error instanceof Error ? error.message : String(error);
    this.#socket.terminate();
  }
}
