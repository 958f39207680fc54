/**
 * Simulated threads: they compute what real ones compute, with the real `Compute`, at once; and answer when the time that it
 * would have taken has passed. What a dishonest worker changes in its results, it changes here.
 */
import type { Result, State, Work } from '../core/protocol/work.ts';
import type { Compute } from '../worker/compute.ts';
import type { Threads } from '../worker/session.ts';
import type { SimProcess } from './process.ts';

/** One `Compute` does the work of all simulated threads, one lease after the other. */
export class SharedCompute {
  readonly #compute: Compute;
  #last: Promise<unknown> = Promise.resolve();

  constructor(compute: Compute) {
    this.#compute = compute;
  }

  /** The result is the caller's own. */
  run(state: State, work: Work): Promise<Result> {
    const { gradient, statistics } = this.#compute.lengths;
    const into = {
      gradient: new Float32Array(work.mode === 'train' ? gradient : 0),
      statistics: new Float32Array(work.mode === 'train' ? statistics * work.counts.length : 0),
    };
    const run = this.#last.then(() => {
      this.#compute.load(state);
      return this.#compute.run(work, into);
    });
    this.#last = run.catch(() => undefined);
    return run;
  }
}

/** What is answered in place of a result. */
export type Forge = (result: Result) => Result;

export const HONEST: Forge = (result) => result;

export interface ThreadOptions {
  readonly compute: SharedCompute;
  readonly process: SimProcess;
  readonly threads: number;
  /** Milliseconds that the next micro-batch takes. */
  readonly pace: () => number;
  readonly forge: Forge;
  /** Told before a lease is begun. */
  readonly beginning: () => void;
}

export class SimThreads implements Threads {
  readonly broken = false;
  readonly #options: ThreadOptions;
  readonly #waiting: (() => void)[] = [];
  #state: State | null = null;
  #running = 0;
  /** How long all threads together have computed so far. */
  computedMs = 0;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  setState({ version, params, buffers }: State): void {
    this.#state = { version, params: params.slice(), buffers: buffers.slice() };
  }

  get state(): State | null {
    return this.#state;
  }

  async run(work: Work, use: (result: Result) => void, progress: () => void = () => {}): Promise<void> {
    const { compute, process, threads, pace, forge, beginning } = this.#options;
    while (this.#running >= threads) await new Promise<void>((resume) => this.#waiting.push(resume));
    this.#running++;
    try {
      beginning();
      if (this.#state === null) throw new Error('a lease before any state');
      const result = await compute.run(this.#state, work);
      for (const _ of work.counts) {
        const ms = pace();
        this.computedMs += ms;
        await new Promise<void>((resolve) => process.clock.after(ms, resolve));
        progress();
      }
      use(forge(result));
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
