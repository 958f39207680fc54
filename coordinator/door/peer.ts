/**
 * One worker's connection: a stranger until its hello has been found good, a `WorkerPort` after.
 *
 * Every frame is decoded inside a guard: what breaks the protocol costs its sender the connection and some time (coolDowns.ts),
 * and nobody else anything. Before a peer has said a valid hello it may send one small frame and wait a few seconds; after
 * that, what its leases justify (allowance.ts). What it is sent is bounded by what it takes (outbox.ts).
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
} from '../../core/protocol/messages.ts';
import type { SpareMemory } from '../../core/protocol/spareMemory.ts';
import type { CloseCause, State, Work, WorkerPort } from '../../core/protocol/work.ts';
import type { WorkerId } from '../machine/machine.ts';
import type { Connection } from '../run.ts';
import { Allowance } from './allowance.ts';
import type { Bearer, Identify } from './bearer.ts';
import type { CoolDowns, Offence } from './coolDowns.ts';
import type { Guest } from './guests.ts';
import { COOL_DOWN_MS, FAREWELL_MS, HELLO_MS, MAX_HELLO_BYTES, MAX_WAITING_BYTES } from './limits.ts';
import type { PeerLink } from './link.ts';
import { Outbox } from './outbox.ts';
import { Pulse } from './pulse.ts';
import type { Refusal } from './refusal.ts';
import type { Snapshots } from './snapshots.ts';
import { brief, plain } from './words.ts';

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

/** What all peers have in common. */
export interface House {
  readonly options: PeerOptions;
  readonly clock: Clock;
  readonly snapshots: Snapshots;
  readonly coolDowns: CoolDowns;
  /** For results that are on their way: most of the time, most peers send none. */
  readonly memory: SpareMemory;
}

export class Peer {
  readonly #link: PeerLink;
  readonly #guest: Guest;
  readonly #house: House;
  readonly #decoder: FrameDecoder<ReturnType<typeof fromWorkerSchema.parse>>;
  readonly #allowance: Allowance;
  readonly #outbox: Outbox;
  readonly #pulse = new Pulse();
  readonly #gone = Promise.withResolvers<void>();
  /** Ends the wait for a hello, or for the other side's goodbye. */
  #calm: Cancel;
  #connection: Connection | null = null;
  /** By what its offences are remembered; null before its hello. */
  #key: string | null = null;
  /** Who was let in, by which token. */
  #holder: { readonly token: string; readonly bearer: Bearer } | null = null;
  #isTab = false;
  #pingedAt = 0;
  #latencyMs: number | null = null;

  constructor(link: PeerLink, guest: Guest, house: House) {
    const { options, clock } = house;
    this.#link = link;
    this.#guest = guest;
    this.#house = house;
    this.#allowance = new Allowance(options.maxResultBytes);
    this.#decoder = new FrameDecoder(
      fromWorkerSchema,
      ({ kind }) => (kind === 'result' ? this.#allowance.resultBytes : 0),
      ({ kind }) => kind === 'result',
      house.memory,
    );
    this.#outbox = new Outbox(
      link,
      () => clock.now(),
      (work) => this.#giveBack(work),
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

  /** Looks after the connection: pings, and ends one that is dead or does harm. To be called every PING_MS. */
  ping(): void {
    const now = this.#house.clock.now();
    const finding = this.#pulse.look(now, this.#link.received, this.#outbox.left, this.#decoder.pending);
    if (finding === 'dead') return this.#link.end();
    if (!this.#link.isOpen) return;
    if (finding === 'flood') return this.#misbehaved('it sent more than messages');
    if (finding === 'stuck') {
      this.#connection?.events.left('a message that it began does not go on');
      return this.#close(CloseCode.goingAway, 'a message that was begun does not go on');
    }
    if (this.#outbox.isUnread) {
      this.#connection?.events.left('it takes nothing any more');
      return this.#link.end();
    }
    if (this.#link.buffered > MAX_WAITING_BYTES) return;
    this.#pingedAt = now;
    this.#link.ping();
  }

  pong(): void {
    this.#latencyMs = this.#house.clock.now() - this.#pingedAt;
  }

  /** Tells a tab's person how the run stands. A page sees no pings: this is its sign of life. */
  tellNews(): void {
    if (!this.#isTab || this.#connection === null || this.#link.buffered > MAX_WAITING_BYTES) return;
    const news = this.#house.options.news(this.#connection.id);
    this.#send(encodeFrames({ header: { kind: 'news', ...news }, parts: [] }));
  }

  /** Sends it away if its token does not count any more; if it counts for something else, it may come back at once. */
  recheck(): void {
    if (this.#holder === null || this.#connection === null || !this.#link.isOpen) return;
    const { token, bearer } = this.#holder;
    const now = this.#house.options.identify(token);
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

  /** What came is no frame of the link's own. It closes by itself. */
  malformed(what: string): void {
    this.#connection?.events.left(`it sent ${what}`, 'malformed');
    this.#offend('misbehaved');
  }

  /** The link is closed. */
  closed(reason: string): void {
    this.#calm();
    this.#outbox.close();
    this.#connection?.events.left(plain(reason) || 'the connection closed');
    this.#gone.resolve();
  }

  received(data: Uint8Array, isBinary: boolean): void {
    // What still comes after this side's goodbye is not looked at.
    if (!this.#link.isOpen) return;
    this.#pulse.frame(data.byteLength);
    try {
      if (!isBinary) throw new FrameError('a text message');
      if (this.#connection === null && data.byteLength > MAX_HELLO_BYTES)
        throw new FrameError('a hello that is too long');
      const message = this.#decoder.push(data);
      if (this.#connection !== null) this.#allowance.spend(data.byteLength);
      if (message === null) return;
      this.#pulse.message();
      const { header, parts } = message;
      if (header.kind === 'hello') {
        if (this.#connection !== null) throw new FrameError('a second hello');
        return this.#welcome(header);
      }
      if (this.#connection === null) throw new FrameError(`a ${header.kind} before the hello`);
      const { events } = this.#connection;
      switch (header.kind) {
        case 'progress':
          return events.progress(header.round, header.lo, header.size);
        case 'drain':
          return events.drain();
        case 'result':
          this.#allowance.end(header);
          events.result(parseResult({ header, parts }));
          return this.#decoder.release();
        default:
          return header satisfies never;
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#misbehaved(`it sent ${error.message}`);
    }
  }

  #welcome(hello: Hello): void {
    this.#calm();
    const { options, snapshots, coolDowns, clock } = this.#house;
    const { identify, numerics, run, model, connect } = options;
    const bearer = identify(hello.token);
    if (bearer === null)
      return this.#refuse(
        'token',
        CloseCode.refused,
        'the token does not match: give the one that the coordinator printed with --token',
        hello.name,
      );
    const port = this.#port(hello, bearer);
    this.#key = bearer.name === null ? `name ${this.#link.address} ${port.name}` : `token ${bearer.name}`;
    const away = coolDowns.left(this.#key, clock.now());
    if (away === Number.POSITIVE_INFINITY)
      return this.#refuse('dismissed', CloseCode.dismissed, 'the operator sent it away', hello.name);
    if (away > 0) {
      this.#report('cooling-down', hello.name);
      return this.#sayFarewell(away, `it is to stay away for another ${Math.ceil(away / 1000)} s`);
    }
    if (numerics !== null && hello.numerics !== numerics)
      return this.#refuse(
        'numerics',
        CloseCode.refused,
        'its arithmetic differs in the last bits: start the coordinator with --numerics any to admit it',
        hello.name,
      );
    this.#guest.welcome();
    this.#send(encodeFrames({ header: { kind: 'welcome', run, model }, parts: [] }));
    const connection = connect();
    this.#connection = connection;
    this.#holder = { token: hello.token, bearer };
    this.#isTab = hello.agent === 'tab';
    const state = options.state();
    const isHeld = snapshots.isHeld(hello.holds, state);
    if (isHeld) this.#outbox.holds(state.version);
    connection.join(port, isHeld ? state.version : null);
    this.tellNews();
  }

  #port({ agent, name, slots, holds }: Hello, bearer: Bearer): WorkerPort {
    const { snapshots } = this.#house;
    return {
      kind: agent,
      name: plain(name) || 'nameless',
      identity: bearer.name,
      trusted: bearer.trusted,
      slots,
      sendState: (state: State) => this.#outbox.state(snapshots.of(state), snapshots.piecesHeld(holds, state)),
      sendWork: (work: Work) => {
        this.#allowance.grant(work);
        this.#outbox.work(work);
      },
      traffic: () => ({
        sent: this.#link.sent,
        received: this.#link.received,
        latencyMs: this.#latencyMs,
      }),
      close: (reason, cause) => this.#sendAway(reason, cause),
    };
  }

  #giveBack(work: Work): void {
    this.#allowance.end(work);
    this.#connection?.events.returned(work.round, work.lo, work.size);
  }

  #misbehaved(reason: string): void {
    // Its leases go to others now, not when it has closed its side.
    if (this.#connection === null) this.#report('malformed', '');
    this.#connection?.events.left(reason, 'malformed');
    this.#sendAway(reason, 'misbehaved');
  }

  #sendAway(reason: string, cause: CloseCause): void {
    switch (cause) {
      case 'misbehaved':
      case 'lied':
        return this.#sayFarewell(this.#offend(cause), reason);
      case 'dismissed':
        if (this.#key !== null) this.#house.coolDowns.dismiss(this.#key);
        return this.#close(CloseCode.dismissed, reason);
      case 'goingAway':
        return this.#close(CloseCode.goingAway, reason);
      default:
        return cause satisfies never;
    }
  }

  /** @returns how long it is to stay away, in milliseconds */
  #offend(offence: Offence): number {
    const { coolDowns, clock } = this.#house;
    return this.#key === null ? COOL_DOWN_MS[offence] : coolDowns.offend(this.#key, offence, clock.now());
  }

  #sayFarewell(ms: number, reason: string): void {
    const told = brief(reason);
    this.#send(encodeFrames({ header: { kind: 'farewell', seconds: Math.ceil(ms / 1000), reason: told }, parts: [] }));
    this.#close(CloseCode.misbehaved, told);
  }

  #send(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#link.send(frame);
  }

  /** Does not let it in. */
  #refuse(why: Refusal['why'], code: number, reason: string, name = ''): void {
    this.#report(why, name);
    this.#close(code, reason);
  }

  #report(why: Refusal['why'], name: string): void {
    this.#house.options.onRefusal?.({ why, address: this.#link.address, name: plain(name) });
  }

  #close(code: number, reason: string): void {
    this.#outbox.close();
    this.#link.close(code, brief(reason));
    this.#calm();
    this.#calm = this.#house.clock.after(FAREWELL_MS, () => this.#link.end());
  }
}
