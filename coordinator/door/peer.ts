/**
 * One worker's connection: a stranger until its hello has been found good, a `WorkerPort` after.
 *
 * Every frame is decoded inside a guard: what breaks the protocol costs its sender the connection, and nobody else
 * anything. Before a peer has said a valid hello it may send one small frame and wait a few seconds.
 *
 * Back-pressure is by construction: a peer is sent one state a step, and only once it has answered all its leases. So is the
 * rate of what it may send: a result must answer a lease, and progress is counted.
 */
import type { Cancel, Clock } from '../../core/clock.ts';
import { FrameError } from '../../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import {
  CloseCode,
  fromWorkerSchema,
  type Hello,
  type News,
  parseResult,
  SUBPROTOCOL,
  workMessage,
} from '../../core/protocol/messages.ts';
import type { State, Work, WorkerPort } from '../../core/protocol/work.ts';
import type { WorkerId } from '../machine.ts';
import type { Connection } from '../run.ts';
import type { Bearer, Identify } from './bearer.ts';
import type { PeerLink } from './link.ts';
import type { Refusal } from './refusal.ts';
import type { StateCache } from './stateCache.ts';

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
  /** Whose token a worker brings. */
  readonly identify: Identify;
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
  /** Told who is not let in. */
  readonly onRefusal?: (refusal: Refusal) => void;
}

export class Peer {
  readonly #link: PeerLink;
  readonly #options: PeerOptions;
  readonly #states: StateCache;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder<ReturnType<typeof fromWorkerSchema.parse>>;
  readonly #gone = Promise.withResolvers<void>();
  /** Ends the wait for a hello, or for the other side's goodbye. */
  #calm: Cancel;
  #connection: Connection | null = null;
  /** Who was let in, by which token. */
  #holder: { readonly token: string; readonly bearer: Bearer } | null = null;
  #isTab = false;
  #missed = 0;
  #heard = 0;
  #pingedAt = 0;
  #latencyMs: number | null = null;
  #progress = 0;

  constructor(link: PeerLink, options: PeerOptions, states: StateCache, clock: Clock) {
    this.#link = link;
    this.#options = options;
    this.#states = states;
    this.#clock = clock;
    this.#decoder = new FrameDecoder(
      fromWorkerSchema,
      ({ kind }) => (kind === 'result' && this.#connection !== null ? options.maxResultBytes : 0),
      ({ kind }) => kind === 'result',
    );
    this.#calm = clock.after(HELLO_MS, () => this.#refuse('silent', CloseCode.misbehaved, 'no hello came'));
    if (link.protocol === SUBPROTOCOL) return;
    const spoken = link.protocol === '' ? 'no version of the protocol' : link.protocol;
    this.#refuse(
      'protocol',
      CloseCode.refused,
      `the worker speaks ${spoken}, the coordinator ${SUBPROTOCOL}: install the same manygrad on both`,
    );
  }

  /** Pings, and ends a connection of which nothing has been heard for too long. */
  ping(): void {
    const { received } = this.#link;
    this.#missed = received === this.#heard ? this.#missed + 1 : 0;
    this.#heard = received;
    this.#progress = 0;
    if (this.#missed >= MISSED_PINGS) return this.#link.end();
    this.#pingedAt = this.#clock.now();
    this.#link.ping();
  }

  pong(): void {
    this.#latencyMs = this.#clock.now() - this.#pingedAt;
  }

  /** Tells a tab's person how the run stands. A page sees no pings: this is its sign of life. */
  tellNews(): void {
    if (!this.#isTab || this.#connection === null) return;
    const news = this.#options.news(this.#connection.id);
    this.#send(encodeFrames({ header: { kind: 'news', ...news }, parts: [] }));
  }

  /** Sends it away if its token does not count any more; if it counts for something else, it may come back at once. */
  recheck(): void {
    if (this.#holder === null || this.#connection === null || !this.#link.isOpen) return;
    const { token, bearer } = this.#holder;
    const now = this.#options.identify(token);
    if (now?.name === bearer.name && now.trusted === bearer.trusted) return;
    const reason = now === null ? 'its token was revoked' : 'its token counts for something else now';
    this.#connection.events.left(reason, 'token');
    this.#close(now === null ? CloseCode.refused : CloseCode.goingAway, reason);
  }

  /** Closes because the run ends; waits for the peer to close too, but not for long. */
  dismiss(finished: boolean): Promise<void> {
    if (finished) this.#close(CloseCode.finished, 'the run has finished');
    else this.#close(CloseCode.goingAway, 'the coordinator is going away');
    return this.#gone.promise;
  }

  /** The link is closed. */
  closed(reason: string): void {
    this.#calm();
    this.#connection?.events.left(plain(reason) || 'the connection closed');
    this.#gone.resolve();
  }

  received(data: Uint8Array, isBinary: boolean): void {
    // What still comes after this side's goodbye is not looked at.
    if (!this.#link.isOpen) return;
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
      if (header.kind === 'drain') return events.drain();
      if (++this.#progress > MAX_PROGRESS) throw new FrameError('progress without end');
      events.progress(header.round, header.lo, header.size);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      // Its leases go to others now, not when it has closed its side.
      const reason = `it sent ${error.message}`;
      if (this.#connection === null) return this.#refuse('malformed', CloseCode.misbehaved, reason);
      this.#connection.events.left(reason, 'malformed');
      this.#close(CloseCode.misbehaved, reason);
    }
  }

  #welcome(hello: Hello): void {
    this.#calm();
    const { identify, numerics, run, model, connect } = this.#options;
    const bearer = identify(hello.token);
    if (bearer === null)
      return this.#refuse(
        'token',
        CloseCode.refused,
        'the token does not match: give the one that the coordinator printed with --token',
        hello.name,
      );
    if (numerics !== null && hello.numerics !== numerics)
      return this.#refuse(
        'numerics',
        CloseCode.refused,
        'its arithmetic differs in the last bits: start the coordinator with --numerics any to admit it',
        hello.name,
      );
    this.#send(encodeFrames({ header: { kind: 'welcome', run, model }, parts: [] }));
    const connection = connect();
    this.#connection = connection;
    this.#holder = { token: hello.token, bearer };
    this.#isTab = hello.agent === 'tab';
    const state = this.#options.state();
    connection.join(this.#port(hello, bearer), this.#states.isHeld(hello.holds, state) ? state.version : null);
    this.tellNews();
  }

  #port({ agent, name, slots }: Hello, bearer: Bearer): WorkerPort {
    return {
      kind: agent,
      name: plain(name) || 'nameless',
      identity: bearer.name,
      trusted: bearer.trusted,
      slots,
      sendState: (state: State) => this.#send(this.#states.frames(state)),
      sendWork: (work: Work) => this.#send(encodeFrames(workMessage(work))),
      traffic: () => ({
        sent: this.#link.sent,
        received: this.#link.received,
        latencyMs: this.#latencyMs,
      }),
      close: (reason, final) => this.#close(final ? CloseCode.misbehaved : CloseCode.goingAway, reason),
    };
  }

  #send(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#link.send(frame);
  }

  /** Does not let it in. */
  #refuse(why: Refusal['why'], code: number, reason: string, name = ''): void {
    this.#options.onRefusal?.({ why, address: this.#link.address, name: plain(name) });
    this.#close(code, reason);
  }

  #close(code: number, reason: string): void {
    this.#link.close(code, cutTo(reason, MAX_REASON_BYTES));
    this.#calm();
    this.#calm = this.#clock.after(FAREWELL_MS, () => this.#link.end());
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
