/**
 * What runs in a worker thread or Web Worker, between its messages and `Compute`: takes the state when there is a newer one,
 * computes leases one at a time, and keeps the memory that results are written to.
 */
import type { Backend } from '../core/backend/backend.ts';
import type { Result, State, Work } from '../core/protocol/work.ts';
import type { ModelSpec } from '../models/model.ts';
import { Compute } from './compute.ts';
import type { SharedState } from './sharedState.ts';

export class Leases {
  readonly #compute: Compute;
  readonly #shared: SharedState | null;
  readonly #floats: (length: number) => Float32Array;
  /** Grown to the longest lease so far. */
  readonly #into: { gradient: Float32Array; statistics: Float32Array };
  /** The generation of the shared state that `#compute` holds. */
  #loaded = -1;

  /**
   * @param shared where the state is read from; null where it comes by `load` instead
   * @param capture false to run every operation anew instead of replaying captured steps
   */
  constructor(backend: Backend, spec: ModelSpec, shared: SharedState | null, capture: boolean) {
    this.#compute = new Compute(backend, spec, { capture });
    this.#shared = shared;
    // Shared memory is read by the thread that sends results without a copy; without it, results are copied on the way.
    this.#floats = (length) =>
      shared === null ? new Float32Array(length) : new Float32Array(new SharedArrayBuffer(length * 4));
    this.#into = { gradient: this.#floats(this.#compute.lengths.gradient), statistics: this.#floats(0) };
  }

  load(state: State): void {
    this.#compute.load(state);
  }

  /**
   * Computes a lease; the result's vectors are valid until the next. A lease whose state has given way to another before it
   * began has been done by another worker, or its step would not be over, or it is of a step that has been undone: the result
   * has no numbers, and is late in any case.
   * @param done called after each micro-batch @throws Error if the state has not reached the lease's version
   */
  async run(work: Work, done?: () => void): Promise<Result> {
    const shared = this.#shared;
    if (shared !== null && (shared.generation !== this.#loaded || this.#compute.version !== work.version)) {
      const { generation } = shared;
      if (!shared.read(work.version, (state) => this.#compute.load(state))) return overtaken(work);
      this.#loaded = generation;
    }
    const needed = work.mode === 'train' ? work.counts.length * this.#compute.lengths.statistics : 0;
    if (this.#into.statistics.length < needed) this.#into.statistics = this.#floats(needed);
    return this.#compute.run(work, this.#into, done);
  }
}

/** The answer to a lease that is not worth computing any more: it says whose, so that the coordinator hands out the next. */
const overtaken = ({ round, lo, size }: Work): Result => ({
  round,
  lo,
  size,
  losses: [],
  counts: [],
  gradient: new Float32Array(0),
  statistics: new Float32Array(0),
});
