/**
 * A simulated network: hosts on lines of their own, and one coordinator that they connect to. A connection keeps the order of
 * what it carries, as TCP does, and nothing else: between connections anything may overtake anything. It can be slow, cut, held
 * back for a while, or dead without anybody being told.
 */
import type { PeerLink, PeerLinkEvents } from '../coordinator/door/link.ts';
import { SUBPROTOCOL } from '../core/protocol/messages.ts';
import type { Link, LinkEvents } from '../worker/session.ts';
import { Connection } from './connection.ts';
import type { Dice } from './dice.ts';
import type { Host, Wiretap } from './host.ts';
import { Line } from './line.ts';
import type { SimProcess } from './process.ts';
import type { Medium } from './stream.ts';
import type { VirtualClock } from './virtualClock.ts';

/** How long a worker waits for a connection to be made, as worker/remote.ts does. */
const HANDSHAKE_MS = 20_000;

interface NetworkOptions extends Pick<Medium, 'time' | 'tap' | 'weigh'> {
  readonly dice: Dice;
  /** The coordinator's network card, megabits a second each way. */
  readonly coordinatorMbit: number;
}

export class Network implements Medium {
  readonly time: VirtualClock;
  readonly tap: Wiretap;
  readonly weigh: (frame: Uint8Array) => number;
  readonly cardUp: Line;
  readonly cardDown: Line;
  readonly #dice: Dice;
  #listener: { readonly process: SimProcess; readonly accept: (link: PeerLink) => PeerLinkEvents } | null = null;

  constructor({ time, tap, weigh, dice, coordinatorMbit }: NetworkOptions) {
    this.time = time;
    this.tap = tap;
    this.weigh = weigh;
    this.#dice = dice;
    this.cardUp = new Line(coordinatorMbit);
    this.cardDown = new Line(coordinatorMbit);
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
    const { time } = this;
    const connection = new Connection(this, host, process, events);
    time.after(this.delay(host), () => host.whenWhole(() => this.#arrive(connection)));
    time.after(HANDSHAKE_MS, () => connection.giveUp());
    return connection.worker;
  }

  delay({ shape: { latencyMs, jitterMs } }: Host): number {
    return jitterMs === 0 ? latencyMs : Math.max(0, latencyMs + this.#dice.between(-jitterMs, jitterMs));
  }

  #arrive(connection: Connection): void {
    const listener = this.#listener;
    if (listener === null) return connection.refuse();
    listener.process.deliver(() => connection.open(listener.process, listener.accept, SUBPROTOCOL));
  }
}
