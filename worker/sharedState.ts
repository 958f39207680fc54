/**
 * The state (parameters and buffers) in shared memory: one writer, any number of reading threads.
 *
 * A sequence lock: the version is −1 while the writer writes, and a reader looks at it before and after copying.
 */
import type { State } from '../core/protocol/work.ts';

const VERSION = 0;
/** Counts the writes: two runs may have a state of the same version. */
const GENERATION = 1;
/** The highest version that was ever written: a run that goes back writes lower ones again. */
const HIGHEST = 2;
const WRITING = -1;

/** What a thread needs to see the same memory. */
export interface SharedStateHandle {
  readonly header: SharedArrayBuffer;
  readonly params: SharedArrayBuffer;
  readonly buffers: SharedArrayBuffer;
}

export class SharedState {
  readonly handle: SharedStateHandle;
  readonly #header: Int32Array;
  readonly #params: Float32Array;
  readonly #buffers: Float32Array;

  constructor(handle: SharedStateHandle) {
    this.handle = handle;
    this.#header = new Int32Array(handle.header);
    this.#params = new Float32Array(handle.params);
    this.#buffers = new Float32Array(handle.buffers);
  }

  /** Memory for vectors of the given lengths, with no state in it yet. */
  static create(params: number, buffers: number): SharedState {
    const state = new SharedState({
      header: new SharedArrayBuffer(12),
      params: new SharedArrayBuffer(params * 4),
      buffers: new SharedArrayBuffer(buffers * 4),
    });
    Atomics.store(state.#header, VERSION, WRITING);
    Atomics.store(state.#header, HIGHEST, -1);
    return state;
  }

  /** @throws Error if the lengths differ from those it was made for */
  write({ version, params, buffers }: State): void {
    if (params.length !== this.#params.length || buffers.length !== this.#buffers.length)
      throw new Error(
        `a state of ${params.length} + ${buffers.length} numbers; expected ${this.#params.length} + ${this.#buffers.length}`,
      );
    Atomics.store(this.#header, VERSION, WRITING);
    this.#params.set(params);
    this.#buffers.set(buffers);
    Atomics.add(this.#header, GENERATION, 1);
    Atomics.store(this.#header, HIGHEST, Math.max(version, Atomics.load(this.#header, HIGHEST)));
    Atomics.store(this.#header, VERSION, version);
  }

  /** Changes with every write. */
  get generation(): number {
    return Atomics.load(this.#header, GENERATION);
  }

  /** What was written last, as views; null if nothing was. For the writer. */
  get state(): State | null {
    const version = Atomics.load(this.#header, VERSION);
    return version === WRITING ? null : { version, params: this.#params, buffers: this.#buffers };
  }

  /**
   * Hands the state to `load`, which copies it.
   * @returns false where another state has taken the place of `version`, a later one or, in a run that has gone back, an
   * earlier one; what `load` was given, if anything, is then of no use
   * @throws Error if the state has never been so far as `version`
   */
  read(version: number, load: (state: State) => void): boolean {
    const before = this.generation;
    const holds = () => Atomics.load(this.#header, VERSION) === version && this.generation === before;
    if (holds()) load({ version, params: this.#params, buffers: this.#buffers });
    if (holds()) return true;
    if (version > Atomics.load(this.#header, HIGHEST))
      throw new Error(`the shared state has not reached version ${version}`);
    return false;
  }
}
