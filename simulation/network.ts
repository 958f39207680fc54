/**
 * A simulated network: hosts on lines of their own, and one coordinator that they connect to. A connection keeps the order of
 * what it carries, as TCP does, and nothing else: between connections anything may overtake anything. It can be slow, cut, held
 * back for a while, or dead without anybody being told.
 */
import type { PeerLink, PeerLinkEvents } from '../coordinator/door/link.ts';
import { SUBPROTOCOL } from '../core/protocol/messages.ts';
import type { Link, LinkEvents } from '../worker/session.ts';
import { Connection, type Side } from './connection.ts';
import type { Dice } from './dice.ts';
import { Line } from './line.ts';
import type { SimProcess } from './process.ts';
import type { VirtualClock } from './virtualClock.ts';

/** A host's line. Megabits a second; milliseconds one way, give or take the jitter. */
export interface Shape {
  readonly upMbit: number;
  readonly downMbit: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
}

export const LOCAL: Shape = {
  upMbit: Number.POSITIVE_INFINITY,
  downMbit: Number.POSITIVE_INFINITY,
  latencyMs: 0.1,
  jitterMs: 0,
};

/** Told of every frame, for who injects faults or weighs what passes. */
export interface Wiretap {
  sending?(from: Side, host: Host, frame: Uint8Array, when: 'before' | 'after'): void;
  arriving?(at: Side, host: Host, frame: Uint8Array, when: 'before' | 'after'): void;
}

/** A machine that workers run on. */
export class Host {
  readonly name: string;
  readonly shape: Shape;
  readonly up: Line;
  readonly down: Line;
  readonly connections = new Set<Connection>();
  /** Called once the line is whole again; null while it is. */
  #waiting: ((delay: number) => void)[] | null = null;

  constructor(name: string, shape: Shape) {
    this.name = name;
    this.shape = shape;
    this.up = new Line(shape.upMbit);
    this.down = new Line(shape.downMbit);
  }

  get isCutOff(): boolean {
    return this.#waiting !== null;
  }

  /** Nothing gets through, in either direction, until `mend`; what is under way waits. */
  cutOff(): void {
    this.#waiting ??= [];
  }

  mend(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const call of waiting) call(0);
  }

  /** Calls once the line is whole. */
  whenWhole(call: () => void): void {
    if (this.#waiting === null) call();
    else this.#waiting.push(call);
  }
}

/** How long a worker waits for a connection to be made, as worker/remote.ts does. */
const HANDSHAKE_MS = 20_000;

export interface NetworkOptions {
  readonly time: VirtualClock;
  readonly dice: Dice;
  readonly tap: Wiretap;
  /** The coordinator's network card, megabits a second each way. */
  readonly coordinatorMbit: number;
  /** The bytes that a frame counts for: its own, where nothing else is asked for. */
  readonly weigh: (frame: Uint8Array) => number;
}

export class Network {
  readonly options: NetworkOptions;
  readonly cardUp: Line;
  readonly cardDown: Line;
  #listener: { readonly process: SimProcess; readonly accept: (link: PeerLink) => PeerLinkEvents } | null = null;

  constructor(options: NetworkOptions) {
    this.options = options;
    this.cardUp = new Line(options.coordinatorMbit);
    this.cardDown = new Line(options.coordinatorMbit);
  }

  /** A coordinator opens its door, until it dies or closes it. */
  listen(process: SimProcess, accept: (link: PeerLink) => PeerLinkEvents): void {
    this.#listener = { process, accept };
    process.atDeath(() => this.close(process));
  }

  close(process: SimProcess): void {
    if (this.#listener?.process === process) this.#listener = null;
  }

  /** A worker's process on a host connects. */
  connect(host: Host, process: SimProcess, events: LinkEvents): Link {
    const { time } = this.options;
    const connection = new Connection(this, host, process, events);
    time.after(this.delay(host), () => host.whenWhole(() => this.#arrive(connection)));
    time.after(HANDSHAKE_MS, () => connection.giveUp());
    return connection.worker;
  }

  /** One way, drawn anew each time. */
  delay({ shape: { latencyMs, jitterMs } }: Host): number {
    return jitterMs === 0 ? latencyMs : Math.max(0, latencyMs + this.options.dice.between(-jitterMs, jitterMs));
  }

  #arrive(connection: Connection): void {
    const listener = this.#listener;
    if (listener === null) return connection.refuse();
    listener.process.deliver(() => connection.open(listener.process, listener.accept, SUBPROTOCOL));
  }
}
