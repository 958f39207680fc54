/**
 * The coordinator's door: a WebSocket server that turns each worker that may come in into a `WorkerPort`.
 *
 * Every frame is decoded inside a guard: what breaks the protocol costs its sender the connection, and nobody else
 * anything. Before a peer has said a valid hello it may send one small frame and wait a few seconds.
 *
 * Back-pressure is by construction: a peer is sent one state a step, and only once it has answered all its leases.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { UserError } from '../core/errors.ts';
import { FrameError } from '../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../core/protocol/frames.ts';
import {
  CloseCode,
  fromWorkerSchema,
  type Header,
  type Hello,
  type Message,
  parseResult,
  SUBPROTOCOL,
  stateMessage,
  workMessage,
} from '../core/protocol/messages.ts';
import type { State, Work, WorkerPort } from '../core/protocol/work.ts';
import type { Connection } from './run.ts';

const HELLO_MS = 10_000;
const MAX_HELLO_BYTES = 4096;
const PING_MS = 5000;
/** A peer of which nothing at all has been heard for so many pings is gone. A slow transfer is a sign of life. */
const MISSED_PINGS = 4;
/** How long a peer that is sent away has to close its side. */
const FAREWELL_MS = 2000;
/** Close reasons may have 123 bytes. */
const MAX_REASON_BYTES = 123;

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
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
}

export interface CoordinatorServer {
  /** The port it listens on. */
  readonly port: number;
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Sends all workers away and stops listening. */
  close(finished: boolean): Promise<void>;
}

/** Opens the door. @throws UserError if the address cannot be listened on */
export async function listen(options: ServerOptions): Promise<CoordinatorServer> {
  const http = createServer((_, response) => {
    response.writeHead(426, { 'content-type': 'text/plain; charset=utf-8' });
    response.end('This is a manygrad coordinator. Join it with: manygrad worker ws://<this address> --token <token>\n');
  });
  await listening(http, options);
  const sockets = new WebSocketServer({
    server: http,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    // Any version is let in as far as to be told, in words, that it is the wrong one.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : ([...offered][0] ?? false)),
  });
  const states = new StateCache();
  const bytes = { sent: 0, received: 0 };
  const peers = new Set<SocketPeer>();
  sockets.on('connection', (socket, request) => {
    const peer = new SocketPeer(socket, request.socket, options, states);
    peers.add(peer);
    socket.on('close', () => {
      peers.delete(peer);
      bytes.sent += request.socket.bytesWritten;
      bytes.received += request.socket.bytesRead;
    });
  });
  const heartbeat = setInterval(() => {
    for (const peer of peers) peer.ping();
  }, PING_MS);
  const address = http.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : options.port,
    bytes,
    close: async (finished) => {
      clearInterval(heartbeat);
      // Nobody new comes in while the others are shown out.
      const closed = new Promise((resolve) => http.close(resolve));
      sockets.close();
      await Promise.all([...peers].map((peer) => peer.dismiss(finished)));
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      await closed;
    },
  };
}

function listening(http: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const what =
        error.code === 'EADDRINUSE'
          ? `port ${port} is in use`
          : `${host}:${port} cannot be listened on (${error.message})`;
      reject(
        new UserError(`${what}: choose another address with --listen HOST:PORT, or stop the program that holds it.`),
      );
    });
    http.listen(port, host, () => resolve());
  });
}

/** One encoding of the current state, shared by all peers. */
class StateCache {
  #version = -1;
  #frames: Uint8Array[] = [];

  frames(state: State): Uint8Array[] {
    if (this.#version !== state.version) {
      this.#frames = encodeFrames(stateMessage(state));
      this.#version = state.version;
    }
    return this.#frames;
  }
}

/** One connection: a stranger until its hello has been found good, a worker after. */
class SocketPeer {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #options: ServerOptions;
  readonly #states: StateCache;
  readonly #decoder: FrameDecoder<ReturnType<typeof fromWorkerSchema.parse>>;
  #connection: Connection | null = null;
  #missed = 0;
  #bytesRead = 0;

  constructor(socket: WebSocket, stream: Socket, options: ServerOptions, states: StateCache) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    this.#states = states;
    this.#decoder = new FrameDecoder(fromWorkerSchema, ({ kind }) =>
      kind === 'result' && this.#connection !== null ? options.maxResultBytes : 0,
    );
    const hurry = setTimeout(() => this.#close(CloseCode.misbehaved, 'no hello came'), HELLO_MS);
    socket.on('message', (data: Buffer, isBinary) => {
      clearTimeout(hurry);
      this.#receive(data, isBinary);
    });
    // Oversized and malformed WebSocket frames come as errors; the close that follows tells the run.
    socket.on('error', () => undefined);
    socket.on('close', (_, reason) => {
      clearTimeout(hurry);
      this.#connection?.events.left(reason.toString() || 'the connection closed');
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
    if (this.#missed >= MISSED_PINGS) this.#socket.terminate();
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
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
      if (message.header.kind === 'result') {
        if (this.#connection === null) throw new FrameError('a result before the hello');
        this.#connection.events.result(parseResult({ header: message.header, parts: message.parts }));
      } else {
        if (this.#connection !== null) throw new FrameError('a second hello');
        this.#welcome(message.header);
      }
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
    connection.join(this.#port(hello));
  }

  #port({ agent, name, slots }: Hello): WorkerPort {
    return {
      kind: agent,
      name,
      slots,
      sendState: (state: State) => this.#send(this.#states.frames(state)),
      sendWork: (work: Work) => this.#send(encodeFrames(workMessage(work) satisfies Message<Header>)),
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

/** Compares in constant time. */
function sameSecret(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function cutTo(text: string, bytes: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > bytes) cut = cut.slice(0, -1);
  return cut;
}
