/**
 * One worker's connection: a stranger until its hello has been found good, a `WorkerPort` after.
 *
 * Every frame is decoded inside a guard: what breaks the protocol costs its sender the connection, and nobody else
 * anything. Before a peer has said a valid hello it may send one small frame and wait a few seconds.
 *
 * Back-pressure is by construction: a peer is sent one state a step, and only once it has answered all its leases. So is the
 * rate of what it may send: a result must answer a lease, and progress is counted.
 */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { FrameError } from '../../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import {
  CloseCode,
  fromWorkerSchema,
  type Hello,
  MAX_KEPT,
  type News,
  parseResult,
  SUBPROTOCOL,
  stateHash,
  stateMessage,
  workMessage,
} from '../../core/protocol/messages.ts';
import type { State, Work, WorkerPort } from '../../core/protocol/work.ts';
import type { WorkerId } from '../machine.ts';
import type { Connection } from '../run.ts';
import { sameSecret } from '../secret.ts';

const HELLO_MS = 10_000;
const MAX_HELLO_BYTES = 4096;
/** A peer of which nothing at all has been heard for so many pings is gone. A slow transfer is a sign of life. */
const MISSED_PINGS = 4;
/** How long a peer that is sent away has to close its side. */
const FAREWELL_MS = 2000;
/** Close reasons may have 123 bytes. */
const MAX_REASON_BYTES = 123;
/** Progress messages between two pings: a worker sends one a second and lease. */
const MAX_PROGRESS = 10_000;

export interface PeerOptions {
  /** What a worker must present. */
  readonly token: string;
  /** The coordinator's own numerics class, which a worker must share; null admits any. */
  readonly numerics: string | null;
  /** For the welcome. */
  readonly run: string;
  readonly model: Record<string, unknown>;
  /** The most that a result may carry, in bytes. */
  readonly maxResultBytes: number;
  readonly connect: () => Connection;
  /** The state as it is now. */
  readonly state: () => State;
  /** What a tab's person is told. */
  readonly news: (id: WorkerId) => Omit<News, 'kind'>;
}

/** One encoding and one hash of the current state, shared by all peers. */
export class StateCache {
  #version = -1;
  #frames: Uint8Array[] = [];
  #hashed = -1;
  #hash = '';

  frames(state: State): Uint8Array[] {
    if (this.#version !== state.version) {
      this.#frames = encodeFrames(stateMessage(state));
      this.#version = state.version;
    }
    return this.#frames;
  }

  /** Whether a worker that says that it `holds` a state holds this one. */
  isHeld(holds: Hello['holds'], state: State): boolean {
    if (holds?.version !== state.version || state.params.length > MAX_KEPT) return false;
    if (this.#hashed !== state.version) {
      this.#hash = stateHash(state);
      this.#hashed = state.version;
    }
    return holds.hash === this.#hash;
  }
}

export class SocketPeer {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #options: PeerOptions;
  readonly #states: StateCache;
  readonly #decoder: FrameDecoder<ReturnType<typeof fromWorkerSchema.parse>>;
  #connection: Connection | null = null;
  #isTab = false;
  #missed = 0;
  #bytesRead = 0;
  #pingedAt = 0;
  #latencyMs: number | null = null;
  #progress = 0;

  constructor(socket: WebSocket, stream: Socket, options: PeerOptions, states: StateCache) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    this.#states = states;
    this.#decoder = new FrameDecoder(
      fromWorkerSchema,
      ({ kind }) => (kind === 'result' && this.#connection !== null ? options.maxResultBytes : 0),
      ({ kind }) => kind === 'result',
    );
    const hurry = setTimeout(() => this.#close(CloseCode.misbehaved, 'no hello came'), HELLO_MS);
    socket.on('message', (data: Buffer, isBinary) => {
      clearTimeout(hurry);
      this.#receive(data, isBinary);
    });
    socket.on('pong', () => {
      this.#latencyMs = performance.now() - this.#pingedAt;
    });
    // Oversized and malformed WebSocket frames come as errors; the close that follows tells the run.
    socket.on('error', () => undefined);
    socket.on('close', (_, reason) => {
      clearTimeout(hurry);
      this.#connection?.events.left(plain(reason.toString()) || 'the connection closed');
    });
    if (socket.protocol !== SUBPROTOCOL) {
      const spoken = socket.protocol === '' ? 'no version of the protocol' : socket.protocol;
      this.#close(
        CloseCode.refused,
        `the worker speaks ${spoken}, the coordinator ${SUBPROTOCOL}: install the same manygrad on both`,
      );
    }
  }

  /** Pings, and ends a connection of which nothing has been heard for too long. */
  ping(): void {
    const heard = this.#stream.bytesRead !== this.#bytesRead;
    this.#missed = heard ? 0 : this.#missed + 1;
    this.#bytesRead = this.#stream.bytesRead;
    this.#progress = 0;
    if (this.#missed >= MISSED_PINGS) this.#socket.terminate();
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#pingedAt = performance.now();
    this.#socket.ping();
  }

  /** Tells a tab's person how the run stands. A page sees no pings: this is its sign of life. */
  tellNews(): void {
    if (!this.#isTab || this.#connection === null) return;
    const news = this.#options.news(this.#connection.id);
    this.#send(encodeFrames({ header: { kind: 'news', ...news }, parts: [] }));
  }

  /** Closes because the run ends; waits for the peer to close too, but not for long. */
  async dismiss(finished: boolean): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    const [code, reason] = finished
      ? [CloseCode.finished, 'the run has finished']
      : [CloseCode.goingAway, 'the coordinator is going away'];
    this.#close(code, reason);
    await closed;
  }

  #receive(data: Uint8Array, isBinary: boolean): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    try {
      if (!isBinary) throw new FrameError('a text message');
      if (this.#connection === null && data.byteLength > MAX_HELLO_BYTES)
        throw new FrameError('a hello that is too long');
      const message = this.#decoder.push(data);
      if (message === null) return;
      const { header, parts } = message;
      if (header.kind === 'hello') {
        if (this.#connection !== null) throw new FrameError('a second hello');
        return this.#welcome(header);
      }
      if (this.#connection === null) throw new FrameError(`a ${header.kind} before the hello`);
      const { events } = this.#connection;
      if (header.kind === 'result') return events.result(parseResult({ header, parts }));
      if (++this.#progress > MAX_PROGRESS) throw new FrameError('progress without end');
      events.progress(header.round, header.lo, header.size);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      // Its leases go to others now, not when it has closed its side.
      this.#connection?.events.left(`it sent ${error.message}`);
      this.#close(CloseCode.misbehaved, `it sent ${error.message}`);
    }
  }

  #welcome(hello: Hello): void {
    const { token, numerics, run, model, connect } = this.#options;
    if (!sameSecret(hello.token, token))
      return this.#close(
        CloseCode.refused,
        'the token does not match: give the one that the coordinator printed with --token',
      );
    if (numerics !== null && hello.numerics !== numerics)
      return this.#close(
        CloseCode.refused,
        'its arithmetic differs in the last bits: start the coordinator with --numerics any to admit it',
      );
    this.#send(encodeFrames({ header: { kind: 'welcome', run, model }, parts: [] }));
    const connection = connect();
    this.#connection = connection;
    this.#isTab = hello.agent === 'tab';
    const state = this.#options.state();
    connection.join(this.#port(hello), this.#states.isHeld(hello.holds, state) ? state.version : null);
    this.tellNews();
  }

  #port({ agent, name, slots }: Hello): WorkerPort {
    return {
      kind: agent,
      name: plain(name) || 'nameless',
      slots,
      sendState: (state: State) => this.#send(this.#states.frames(state)),
      sendWork: (work: Work) => this.#send(encodeFrames(workMessage(work))),
      traffic: () => ({
        sent: this.#stream.bytesWritten,
        received: this.#stream.bytesRead,
        latencyMs: this.#latencyMs,
      }),
      close: (reason, final) => this.#close(final ? CloseCode.misbehaved : CloseCode.goingAway, reason),
    };
  }

  #send(frames: readonly Uint8Array[]): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    for (const frame of frames) this.#socket.send(frame);
  }

  #close(code: number, reason: string): void {
    this.#socket.close(code, cutTo(reason, MAX_REASON_BYTES));
    const impatience = setTimeout(() => this.#socket.terminate(), FAREWELL_MS);
    this.#socket.once('close', () => clearTimeout(impatience));
  }
}

/** What a stranger says of itself, without what would command a terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{C}/gu, '').trim();
}

function cutTo(text: string, bytes: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > bytes) cut = cut.slice(0, -1);
  return cut;
}
