/** A tab's threads: one Web Worker each, around one state, which is shared memory where the page is cross-origin isolated. */
import type { Kernels } from '../../core/backend/wasm/exports.ts';
import { bufferLayout, parameterLayout } from '../../core/nn/index.ts';
import type { Result, State, Work } from '../../core/protocol/work.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import '../../models/served.ts';
import type { Threads } from '../session.ts';
import { SharedState } from '../sharedState.ts';
import type { FromThread, ToThread } from './thread.ts';

export interface TabPoolOptions {
  readonly kernels: Kernels;
  readonly threads: number;
  /** Where the threads' script is. */
  readonly script: string;
  /** The share of time that a thread may compute, now: asked before each lease. */
  readonly duty: () => number;
}

interface Slot {
  readonly worker: Worker;
  /** Rejects if its script could not be fetched: the coordinator may go away at any moment, this one included. */
  readonly ready: Promise<void>;
  /** Why it can compute no more. */
  broken: Error | null;
  /** The state that it was sent, where memory is not shared. */
  sent: State | null;
  lease: { readonly resolve: (result: Result) => void; readonly reject: (error: Error) => void } | null;
  progress: () => void;
}

export class TabPool implements Threads {
  readonly #options: TabPoolOptions;
  readonly #shared: SharedState | null;
  readonly #slots: Slot[];
  readonly #waiting: (() => void)[] = [];
  /** A copy of the last state, where memory is not shared. */
  #copy: State | null = null;

  private constructor(spec: ModelSpec, options: TabPoolOptions) {
    this.#options = options;
    const model = buildModel(spec);
    const lengths = [parameterLayout(model).length, bufferLayout(model).length] as const;
    this.#shared = globalThis.crossOriginIsolated ? SharedState.create(...lengths) : null;
    this.#slots = Array.from({ length: options.threads }, () => this.#start(spec));
  }

  /** Resolves when every thread has the model. Rejects if one could not be started; then none is left. */
  static async start(spec: ModelSpec, options: TabPoolOptions): Promise<TabPool> {
    const pool = new TabPool(spec, options);
    try {
      await Promise.all(pool.#slots.map(({ ready }) => ready));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  #start(spec: ModelSpec): Slot {
    const { kernels, script } = this.#options;
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
    const worker = new Worker(script, { type: 'module' });
    const slot: Slot = { worker, ready, broken: null, sent: null, lease: null, progress: () => {} };
    const fail = (reason: string) => {
      slot.broken = new Error(`a thread of this tab failed: ${reason}`);
      reject(slot.broken);
      slot.lease?.reject(slot.broken);
      slot.lease = null;
    };
    slot.worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
      switch (data.kind) {
        case 'ready':
          return resolve();
        case 'done':
          return slot.progress();
        case 'result':
          slot.lease?.resolve(data.result);
          slot.lease = null;
          return;
        case 'failed':
          // A lease for a state that is gone, perhaps: the thread is none the worse for it.
          slot.lease?.reject(new Error(data.reason));
          slot.lease = null;
          return;
        default:
          return data satisfies never;
      }
    };
    slot.worker.onerror = (event) => fail(event.message ?? 'it could not be loaded');
    post(slot.worker, { kind: 'start', kernels, spec, shared: this.#shared?.handle ?? null });
    return slot;
  }

  setState(state: State): void {
    if (this.#shared !== null) this.#shared.write(state);
    else this.#copy = { ...state, params: state.params.slice(), buffers: state.buffers.slice() };
  }

  get state(): State | null {
    return this.#shared === null ? this.#copy : this.#shared.state;
  }

  get broken(): boolean {
    return this.#slots.some(({ broken }) => broken !== null);
  }

  async run(work: Work, use: (result: Result) => void, progress: () => void = () => {}): Promise<void> {
    let slot = this.#idle();
    while (slot === undefined) {
      await new Promise<void>((resume) => this.#waiting.push(resume));
      slot = this.#idle();
    }
    if (slot.broken !== null) throw slot.broken;
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    slot.lease = { resolve, reject };
    slot.progress = progress;
    if (this.#copy !== null && slot.sent !== this.#copy) {
      post(slot.worker, { kind: 'state', state: this.#copy });
      slot.sent = this.#copy;
    }
    post(slot.worker, { kind: 'work', work, duty: this.#options.duty() });
    try {
      // A result in shared memory is the thread's own until it gets its next lease: not before `use` has returned.
      use(await promise);
    } finally {
      this.#waiting.shift()?.();
    }
  }

  #idle(): Slot | undefined {
    return this.#slots.find(({ lease }) => lease === null);
  }

  async close(): Promise<void> {
    for (const { worker, lease } of this.#slots) {
      worker.terminate();
      lease?.reject(new Error('the threads were ended'));
    }
  }
}

function post(worker: Worker, message: ToThread): void {
  worker.postMessage(message);
}
