/**
 * The moments of a run at which something can be made to happen: before and after each message is sent and received, each call of
 * the disk, each round and commit. A fault is injected at the n-th time that a moment comes; whether it came is remembered, since
 * a fault that did not happen shows nothing.
 */
import type { RunObserver } from '../coordinator/observer.ts';
import type { Side } from './connection.ts';
import { frameKind } from './frameKind.ts';
import type { Host, Wiretap } from './network.ts';

/** `worker before sending result`, `disk after rename checkpoint`, `run commit`, ... */
export type Moment = string;

export interface Injection {
  readonly at: Moment;
  /** The first time is 1. */
  readonly nth: number;
  /** Called with the host whose message it is, if it is a message. */
  readonly strike: (host: Host | null) => void;
}

export class Moments {
  /** How often each has come. */
  readonly seen = new Map<Moment, number>();
  readonly #injections: Injection[];
  #pending: number;

  constructor(injections: readonly Injection[]) {
    this.#injections = [...injections];
    this.#pending = injections.length;
  }

  /** Injections whose moment has not come. */
  get pending(): number {
    return this.#pending;
  }

  hit(moment: Moment, host: Host | null = null): void {
    const times = (this.seen.get(moment) ?? 0) + 1;
    this.seen.set(moment, times);
    for (const { at, nth, strike } of this.#injections)
      if (at === moment && nth === times) {
        this.#pending--;
        strike(host);
      }
  }

  readonly tap: Wiretap = {
    sending: (from, host, frame, when) => this.#frame(from, `${when} sending`, host, frame),
    arriving: (at, host, frame, when) => this.#frame(at, `${when} receiving`, host, frame),
  };

  readonly observer: RunObserver = {
    onOpen: ({ mode }) => this.hit(`run open ${mode}`),
    onStep: () => this.hit('run commit'),
    onEvaluation: () => this.hit('run evaluated'),
    onCheckpoint: () => this.hit('run checkpoint written'),
  };

  #frame(side: Side, doing: string, host: Host, frame: Uint8Array): void {
    const kind = frameKind(frame);
    if (kind !== null) this.hit(`${side} ${doing} ${kind}`, host);
  }
}
