/**
 * The moments of a run at which something can be made to happen: before and after each message is sent and received, each call of
 * the disk, each round and commit. A fault is injected at the n-th time that a moment comes, or the first one after it at which it
 * can do anything: a fault that changed nothing shows nothing.
 */
import type { RunObserver } from '../coordinator/observer.ts';
import { frameKind } from './frameKind.ts';
import type { Host, Side, Wiretap } from './host.ts';

/** `worker before sending result`, `disk after rename checkpoint`, `run commit`, ... */
type Moment = string;

export interface Injection {
  readonly at: Moment;
  /** The first time is 1. */
  readonly nth: number;
  /**
   * Called with the host whose message it is, if it is a message.
   * @returns whether it changed anything; it is called again when the moment comes again if not
   */
  readonly strike: (host: Host | null) => boolean;
}

export class Moments {
  /** How often each has come. */
  readonly #seen = new Map<Moment, number>();
  /** Those that have not struck yet. */
  readonly #injections: Set<Injection>;

  constructor(injections: readonly Injection[]) {
    this.#injections = new Set(injections);
  }

  hit(moment: Moment, host: Host | null = null): void {
    const times = (this.#seen.get(moment) ?? 0) + 1;
    this.#seen.set(moment, times);
    for (const injection of [...this.#injections].filter(({ at, nth }) => at === moment && nth <= times)) {
      // Moments come while it strikes, too: it is not to strike twice.
      if (!this.#injections.delete(injection)) continue;
      if (!injection.strike(host)) this.#injections.add(injection);
    }
  }

  readonly tap: Wiretap = {
    sending: (from, host, frame, when) => this.#frame(from, `${when} sending`, host, frame),
    arriving: (at, host, frame, when) => this.#frame(at, `${when} receiving`, host, frame),
  };

  /** Watches a run, and tells `other` what it sees. */
  observer(other: RunObserver): RunObserver {
    return {
      ...other,
      onOpen: (round) => {
        other.onOpen?.(round);
        this.hit(`run open ${round.mode}`);
      },
      onStep: (made) => {
        other.onStep?.(made);
        this.hit('run commit');
      },
      onEvaluation: (evaluated) => {
        other.onEvaluation?.(evaluated);
        this.hit('run evaluated');
      },
      onCheckpoint: (step, seconds) => {
        other.onCheckpoint?.(step, seconds);
        this.hit('run checkpoint written');
      },
    };
  }

  disk(when: 'before' | 'after', op: string, file: string): void {
    const what = /checkpoint|ledger|log|config|summary|lock/.exec(file)?.[0] ?? 'folder';
    this.hit(`disk ${when} ${op} ${what}`);
  }

  #frame(side: Side, doing: string, host: Host, frame: Uint8Array): void {
    const kind = frameKind(frame);
    if (kind !== null) this.hit(`${side} ${doing} ${kind}`, host);
  }
}
