/**
 * A pool of worker threads around one shared state: N leases at a time. Used by the local worker and by remote processes.
 */
import { Piscina } from 'piscina';
import { loadKernels } from '../core/backend/wasm/loadNode.ts';
import { bufferLayout, parameterLayout } from '../core/nn/index.ts';
import type { Result, State, Work } from '../core/protocol/work.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import { SharedState } from './sharedState.ts';
import type { ThreadData } from './thread.ts';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url).href;

export class ThreadPool {
  readonly threads: number;
  readonly #state: SharedState;
  readonly #piscina: Piscina<Work, Result>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  private constructor(threads: number, state: SharedState, piscina: Piscina<Work, Result>) {
    this.threads = threads;
    this.#state = state;
    this.#piscina = piscina;
  }

  static async start(spec: ModelSpec, threads: number): Promise<ThreadPool> {
    const model = buildModel(spec);
    const state = SharedState.create(parameterLayout(model).length, bufferLayout(model).length);
    const data: ThreadData = { kernels: await loadKernels(), spec, state: state.handle };
    const piscina = new Piscina<Work, Result>({
      filename: THREAD,
      minThreads: threads,
      maxThreads: threads,
      workerData: data,
      recordTiming: false,
    });
    return new ThreadPool(threads, state, piscina);
  }

  /** Copies the state for the threads to read. No lease of an older version should be running: it would fail. */
  setState(state: State): void {
    this.#state.write(state);
  }

  /**
   * Runs a lease on the next idle thread and hands the result to `use`, before that thread may overwrite it with another.
   * Rejects if the lease fails.
   */
  async run(work: Work, use: (result: Result) => void): Promise<void> {
    // A queue of our own: piscina would give a thread its next lease before the last one's result has been read.
    while (this.#running >= this.threads) await new Promise<void>((resume) => this.#waiting.push(resume));
    this.#running++;
    try {
      use(await this.#piscina.run(work));
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Ends the threads, in the middle of a lease if need be. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
