/**
 * A pool of worker threads around one shared state: N leases at a time. Used by the local worker and by remote processes.
 */
import { Piscina } from 'piscina';
import { loadKernels } from '../core/backend/wasm/loadNode.ts';
import { bufferLayout, parameterLayout } from '../core/nn/index.ts';
import type { Result, State, Work } from '../core/protocol/work.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import type { Threads } from './session.ts';
import { SharedState } from './sharedState.ts';
import type { Task, ThreadData } from './thread.ts';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url).href;

/** How often it is looked whether a lease goes on. */
const LOOK_MS = 1000;

export class ThreadPool implements Threads {
  readonly threads: number;
  readonly #state: SharedState;
  readonly #piscina: Piscina<Task, Result>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  private constructor(threads: number, state: SharedState, piscina: Piscina<Task, Result>) {
    this.threads = threads;
    this.#state = state;
    this.#piscina = piscina;
  }

  static async start(spec: ModelSpec, threads: number): Promise<ThreadPool> {
    const model = buildModel(spec);
    const state = SharedState.create(parameterLayout(model).length, bufferLayout(model).length);
    const data: ThreadData = { kernels: await loadKernels(), spec, state: state.handle };
    const piscina = new Piscina<Task, Result>({
      filename: THREAD,
      minThreads: threads,
      maxThreads: threads,
      workerData: data,
      recordTiming: false,
    });
    return new ThreadPool(threads, state, piscina);
  }

  /** Copies the state for the threads to read. A lease of another version that has not begun is answered without numbers. */
  setState(state: State): void {
    this.#state.write(state);
  }

  /** Piscina starts another thread for one that was lost. */
  readonly broken = false;

  get state(): State | null {
    return this.#state.state;
  }

  async run(work: Work, use: (result: Result) => void, progress?: () => void): Promise<void> {
    // A queue of our own: piscina would give a thread its next lease before the last one's result has been read.
    while (this.#running >= this.threads) await new Promise<void>((resume) => this.#waiting.push(resume));
    this.#running++;
    // One micro-batch is done when its result is here.
    const watch = progress !== undefined && work.counts.length > 1 ? new Watch(progress) : null;
    try {
      use(await this.#piscina.run({ work, done: watch?.done ?? null }));
    } finally {
      watch?.end();
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Ends the threads, in the middle of a lease if need be. */
  async close(): Promise<void> {
    // An answer that comes while its thread is being ended has nobody to go to, which piscina calls an error.
    this.#piscina.on('error', () => undefined);
    await this.#piscina.destroy();
  }
}

/** Tells when a thread has counted on. */
class Watch {
  readonly done = new Int32Array(new SharedArrayBuffer(4));
  readonly #timer: NodeJS.Timeout;
  #seen = 0;

  constructor(progress: () => void) {
    this.#timer = setInterval(() => {
      const done = Atomics.load(this.done, 0);
      if (done > this.#seen) progress();
      this.#seen = done;
    }, LOOK_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
