/**
 * One simulated connection: what each side sends arrives in order, after the lines and the distance have had their time, as long
 * as both processes live and the line is whole. It is a `Link` to the worker and a `PeerLink` to the coordinator, both real.
 */
import type { PeerLink, PeerLinkEvents } from '../coordinator/door/link.ts';
import type { Link, LinkEvents } from '../worker/session.ts';
import type { Host, Severable, Side } from './host.ts';
import type { SimProcess } from './process.ts';
import { type Medium, Stream } from './stream.ts';

/** What WebSocket adds to a message. */
const OVERHEAD_BYTES = 12;
const ABNORMAL = 1006;

export class Connection implements Severable {
  readonly worker: Link;
  readonly #medium: Medium;
  readonly #host: Host;
  readonly #process: SimProcess;
  readonly #events: LinkEvents;
  readonly #up: Stream;
  readonly #down: Stream;
  #coordinator: { readonly process: SimProcess; readonly events: PeerLinkEvents } | null = null;
  #opened = false;
  #isCut = false;
  /** Whether a side still has it, and whether that side has said goodbye. */
  readonly #isOpen: Record<Side, boolean> = { worker: true, coordinator: false };
  readonly #isLeaving: Record<Side, boolean> = { worker: false, coordinator: false };

  constructor(medium: Medium, host: Host, process: SimProcess, events: LinkEvents) {
    this.#medium = medium;
    this.#host = host;
    this.#process = process;
    this.#events = events;
    this.#up = new Stream(medium, host, [host.up, medium.cardDown]);
    this.#down = new Stream(medium, host, [medium.cardUp, host.down]);
    host.connections.add(this);
    process.atDeath(() => this.#reset('worker'));
    this.worker = {
      send: (frame) => this.#send('worker', frame),
      leave: () => this.#goodbye('worker', 1000, ''),
      end: () => this.#end('worker'),
    };
  }

  /** The coordinator's machine answers. */
  open(process: SimProcess, accept: (link: PeerLink) => PeerLinkEvents, protocol: string): void {
    if (this.#down.isDead || !this.#isOpen.worker) return;
    process.atDeath(() => this.#reset('coordinator'));
    this.#isOpen.coordinator = true;
    this.#tellWorker(() => {
      this.#opened = true;
      this.#events.opened();
    });
    this.#coordinator = { process, events: accept(this.#peerLink(protocol)) };
  }

  /** Nobody listens. */
  refuse(): void {
    this.#down.send(OVERHEAD_BYTES, () => this.#closeWorker(ABNORMAL, 'connection refused'));
  }

  /** The worker's patience with the handshake is at an end. */
  giveUp(): void {
    if (!this.#opened) this.#process.deliver(() => this.#closeWorker(ABNORMAL, 'the handshake has timed out'));
  }

  die(): boolean {
    if (this.#up.isDead && this.#down.isDead) return false;
    this.#up.isDead = true;
    this.#down.isDead = true;
    return true;
  }

  deafen(): boolean {
    if (this.#up.isDead) return false;
    this.#up.isDead = true;
    return true;
  }

  cut(): boolean {
    if (this.#isCut) return false;
    this.#isCut = true;
    this.die();
    this.#medium.time.after(0, () => {
      this.#process.deliver(() => this.#closeWorker(ABNORMAL, 'the connection was cut'));
      this.#coordinator?.process.deliver(() => this.#closeCoordinator(''));
    });
    return true;
  }

  #peerLink(protocol: string): PeerLink {
    const up = this.#up;
    const down = this.#down;
    const isOpen = () => this.#isOpen.coordinator && !this.#isLeaving.coordinator;
    return {
      protocol,
      address: this.#host.name,
      get isOpen() {
        return isOpen();
      },
      get buffered() {
        return down.buffered;
      },
      get sent() {
        return down.sent;
      },
      get received() {
        return up.arrived;
      },
      send: (frame, left) => this.#send('coordinator', frame, left),
      ping: () => this.#ping(),
      close: (code, reason) => this.#goodbye('coordinator', code, reason),
      end: () => this.#end('coordinator'),
    };
  }

  #send(from: Side, frame: Uint8Array, left: () => void = () => {}): void {
    if (!this.#mayAct(from) || this.#isLeaving[from]) return void this.#medium.time.after(0, left);
    const { tap, weigh } = this.#medium;
    tap.sending?.(from, this.#host, frame, 'before');
    if (!this.#mayAct(from)) return void this.#medium.time.after(0, left);
    const bytes = OVERHEAD_BYTES + frame.byteLength;
    const weight = OVERHEAD_BYTES + weigh(frame);
    if (from === 'worker')
      this.#up.send(
        bytes,
        () => this.#tellCoordinator((events) => this.#arrive('coordinator', frame, () => events.received(frame, true))),
        left,
        weight,
      );
    else this.#sendDown(frame, bytes, weight, left);
    tap.sending?.(from, this.#host, frame, 'after');
  }

  /** What the coordinator's own work takes comes before its line's. */
  #sendDown(frame: Uint8Array, bytes: number, weight: number, left: () => void): void {
    const { time } = this.#medium;
    const arrive = () =>
      this.#process.deliver(() => {
        if (this.#isOpen.worker) this.#arrive('worker', frame, () => this.#events.received(frame));
      });
    const busy = this.#coordinator?.process.busyForMs ?? 0;
    if (busy > 0) time.after(busy, () => this.#down.send(bytes, arrive, left, weight));
    else this.#down.send(bytes, arrive, left, weight);
  }

  #arrive(at: Side, frame: Uint8Array, take: () => void): void {
    const { tap } = this.#medium;
    tap.arriving?.(at, this.#host, frame, 'before');
    if (!this.#mayAct(at)) return;
    take();
    tap.arriving?.(at, this.#host, frame, 'after');
  }

  /** Whether a side can still do anything with the connection. */
  #mayAct(side: Side): boolean {
    const process = side === 'worker' ? this.#process : this.#coordinator?.process;
    return process?.isAlive === true && this.#isOpen[side];
  }

  #ping(): void {
    if (!this.#mayAct('coordinator')) return;
    this.#tellWorker(() => {
      this.#events.alive();
      this.#up.send(OVERHEAD_BYTES, () => this.#tellCoordinator((events) => events.pong()));
    });
  }

  #goodbye(from: Side, code: number, reason: string): void {
    if (!this.#mayAct(from) || this.#isLeaving[from]) return;
    if (from === 'worker') {
      // Before it is open there is nobody to say goodbye to.
      if (!this.#opened) return this.#end('worker');
      this.#isLeaving.worker = true;
      this.#up.send(OVERHEAD_BYTES, () => {
        this.#tellCoordinator(() => this.#closeCoordinator(reason));
        this.#down.send(OVERHEAD_BYTES, () => this.#process.deliver(() => this.#closeWorker(code, '')));
      });
      return;
    }
    this.#isLeaving.coordinator = true;
    this.#down.send(OVERHEAD_BYTES, () =>
      this.#process.deliver(() => {
        this.#closeWorker(code, reason);
        this.#up.send(OVERHEAD_BYTES, () => this.#tellCoordinator(() => this.#closeCoordinator('')));
      }),
    );
  }

  #end(by: Side): void {
    if (!this.#mayAct(by)) return;
    const { time } = this.#medium;
    this.#reset(by);
    if (by === 'worker') time.after(0, () => this.#process.deliver(() => this.#closeWorker(ABNORMAL, '')));
    else time.after(0, () => this.#coordinator?.process.deliver(() => this.#closeCoordinator('')));
  }

  /** What is under way from a side is lost with it; the other is told, if it can be reached. */
  #reset(by: Side): void {
    if (by === 'worker') {
      if (this.#isOpen.coordinator)
        this.#up.send(OVERHEAD_BYTES, () => this.#tellCoordinator(() => this.#closeCoordinator('')));
      return;
    }
    if (this.#isOpen.worker)
      this.#down.send(OVERHEAD_BYTES, () =>
        this.#process.deliver(() => this.#closeWorker(ABNORMAL, 'the connection was reset')),
      );
  }

  #tellWorker(call: () => void): void {
    this.#down.send(OVERHEAD_BYTES, () =>
      this.#process.deliver(() => {
        if (this.#isOpen.worker) call();
      }),
    );
  }

  #tellCoordinator(call: (events: PeerLinkEvents) => void): void {
    const coordinator = this.#coordinator;
    coordinator?.process.deliver(() => {
      if (this.#isOpen.coordinator) call(coordinator.events);
    });
  }

  #closeWorker(code: number, reason: string): void {
    if (!this.#isOpen.worker) return;
    this.#isOpen.worker = false;
    this.#forget();
    this.#events.closed(code, reason);
  }

  #closeCoordinator(reason: string): void {
    if (!this.#isOpen.coordinator) return;
    this.#isOpen.coordinator = false;
    this.#forget();
    this.#coordinator?.events.closed(reason);
  }

  #forget(): void {
    if (!this.#isOpen.worker && !this.#isOpen.coordinator) this.#host.connections.delete(this);
  }
}
