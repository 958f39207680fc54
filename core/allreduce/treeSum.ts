/**
 * The all-reduce's arithmetic: the sum of n micro-batch gradients in one fixed binary tree over the micro-batch index.
 *
 * Node (lo, size), size a power of two and lo a multiple of it, is the sum of its two halves, each summed the same way; a
 * half that lies wholly beyond n is left out. Whoever holds such an aligned run may sum it alone and hand in the one
 * vector: floating-point addition commutes, so only this grouping decides the bits, not who added or in what order.
 *
 * It knows no workers and no transport.
 */
import type { Backend, Buf } from '../backend/backend.ts';

export class TreeSum {
  readonly #backend: Backend;
  readonly #length: number;
  readonly #free: Buf[] = [];
  /** Finished subtrees that wait for their sibling, by `lo`. */
  readonly #waiting = new Map<number, { size: number; sum: Buf }>();
  /** A 1 for each micro-batch handed in. */
  #handedIn = new Uint8Array(0);
  #count = 0;
  #root: Buf | null = null;
  /** Whether the root is a buffer of the tree's own, to be used again in the next sum. */
  #ownsRoot = false;

  /** @param length of each vector. Buffers are taken from the backend's arena at first need and then kept. */
  constructor(backend: Backend, length: number) {
    this.#backend = backend;
    this.#length = length;
  }

  /** Starts a new sum of `count` vectors. */
  begin(count: number): void {
    for (const { sum } of this.#waiting.values()) this.#free.push(sum);
    this.#waiting.clear();
    if (this.#ownsRoot && this.#root !== null) this.#free.push(this.#root);
    this.#ownsRoot = false;
    if (this.#handedIn.length === count) this.#handedIn.fill(0);
    else this.#handedIn = new Uint8Array(count);
    this.#count = count;
    this.#root = null;
  }

  /** A buffer to write a sum to that is then given to `add`: which so need not copy it. */
  lend(): Buf {
    return this.#free.pop() ?? this.#backend.alloc(this.#length);
  }

  /**
   * Hands in the sum of micro-batches [lo, lo + size), cut off at the count. `sum` is only read, and before this returns
   * — unless it completes the tree without an addition: then it is the root itself.
   * @param lent `sum` came from `lend`, and is the tree's again
   * @throws Error if the run is not aligned or a part of it was handed in already
   */
  add(lo: number, size: number, sum: Buf, lent = false): void {
    if (!isAligned(lo, size, this.#count))
      throw new Error(`TreeSum: [${lo}, ${lo + size}) is no aligned run of ${this.#count} micro-batches`);
    const handedIn = this.#handedIn.subarray(lo, lo + size);
    if (handedIn.includes(1)) throw new Error(`TreeSum: a part of [${lo}, ${lo + size}) was handed in twice`);
    handedIn.fill(1);
    let held = sum;
    let owned = lent;
    for (;;) {
      if (lo === 0 && size >= this.#count) {
        this.#root = held;
        this.#ownsRoot = owned;
        return;
      }
      const siblingAt = lo ^ size;
      const sibling = this.#waiting.get(siblingAt);
      if (sibling !== undefined && sibling.size === size) {
        this.#backend.scale(sibling.sum, held, 1, true);
        if (owned) this.#free.push(held);
        this.#waiting.delete(siblingAt);
        held = sibling.sum;
        owned = true;
      } else if (siblingAt < this.#count) {
        break;
      }
      lo &= ~size;
      size *= 2;
    }
    if (!owned) {
      const copy = this.lend();
      this.#backend.copy(copy, held);
      held = copy;
    }
    this.#waiting.set(lo, { size, sum: held });
  }

  /** The whole sum, valid until the next `begin`. @throws Error while parts are missing. */
  get root(): Buf {
    if (this.#root === null) throw new Error('TreeSum: not all micro-batches have been handed in');
    return this.#root;
  }
}

/** Whether [lo, lo + size) is a node of the tree over `count` micro-batches. */
export function isAligned(lo: number, size: number, count: number): boolean {
  return (
    Number.isInteger(lo) &&
    Number.isInteger(size) &&
    size > 0 &&
    (size & (size - 1)) === 0 &&
    lo >= 0 &&
    lo % size === 0 &&
    lo < count
  );
}

/** The run's length once cut off at the count. */
export function runLength(lo: number, size: number, count: number): number {
  return Math.min(lo + size, count) - lo;
}
