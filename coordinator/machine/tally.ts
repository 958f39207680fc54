/**
 * What is done of the round under way, what waits, and whose answer is awaited. It hands nothing out: that is schedule.ts's.
 *
 * A micro-batch that is not accepted is in exactly one place: in the queue; or in a lease whose answer is expected; or, while a
 * result of it is held in doubt, among the checks that wait for a worker or in the lease of one. A lease is superseded,
 * no longer expected, when its block moves on from it; an answer is taken all the same, if it is the first. Blocks are
 * split as they move on and never merged, so a block that waits or is expected lies within those of all older leases that it
 * touches: what is accepted is never a part of it.
 */
import { runLength } from '../../core/allreduce/treeSum.ts';
import { type Block, type Doubt, type Lease, Queue, type Round, type WorkerId } from './leases.ts';
import type { Standing } from './standing.ts';

/** What is known of a micro-batch. */
const MISSING = 0;
const ACCEPTED = 1;
const DOUBTED = 2;

export class Tally {
  readonly queue = new Queue();
  /** Doubts that wait for a checker, first come first. */
  readonly checks = new Set<Doubt>();
  /** All doubts, by the first micro-batch of their blocks. */
  readonly #doubts = new Map<number, Doubt>();
  #states = new Uint8Array(0);
  /** The last lease of a block that begins at a micro-batch. */
  #leases: (Lease | undefined)[] = [];
  #missing = 0;

  open(round: Round): void {
    this.queue.fill(round);
    this.#states = new Uint8Array(round.microBatches);
    this.#missing = round.microBatches;
  }

  /** The round is over, or given up: its leases are late from now on. @returns the doubts that were left */
  close(): Doubt[] {
    const left = [...this.#doubts.values()];
    for (const lease of this.#leases) if (lease !== undefined) lease.expected = false;
    this.#leases = [];
    this.#doubts.clear();
    this.checks.clear();
    this.queue.clear();
    return left;
  }

  /** Whether each micro-batch has been accepted. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** A lease is handed out. */
  await(lease: Lease): void {
    this.#leases[lease.block.lo] = lease;
  }

  /** What an answer would be: the first of its block, one to compare with what is held of this very block, or late. */
  look({ lo, size }: Block): 'first' | 'late' | Doubt {
    const end = Math.min(lo + size, this.#states.length);
    let at = lo;
    while (at < end && this.#states[at] === MISSING) at++;
    if (at === end) return 'first';
    const doubt = this.#doubts.get(lo);
    return doubt !== undefined && doubt.block.size === size ? doubt : 'late';
  }

  /** A lease's answer counts. */
  accept(lease: Lease): void {
    const { lo, size } = lease.block;
    this.#supersedeWithin(lease);
    const doubt = this.#doubts.get(lo);
    if (doubt !== undefined) this.checks.delete(doubt);
    this.#doubts.delete(lo);
    this.#states.fill(ACCEPTED, lo, lo + size);
    this.#missing -= runLength(lo, size, this.#states.length);
  }

  /** A lease's answer is held until another worker has computed the same. */
  doubt(lease: Lease, worker: WorkerId, standing: Standing): void {
    const { lo, size } = lease.block;
    this.#supersedeWithin(lease);
    const doubt: Doubt = { block: lease.block, worker, standing, asked: new Set([standing]) };
    this.#doubts.set(lo, doubt);
    this.checks.add(doubt);
    this.#states.fill(DOUBTED, lo, lo + size);
  }

  /** A check settled nothing: its answer is held instead, until a third worker has computed the same. */
  doubtInstead(doubt: Doubt, lease: Lease, worker: WorkerId, standing: Standing): void {
    this.#supersedeWithin(lease);
    doubt.worker = worker;
    doubt.standing = standing;
    doubt.asked.add(standing);
    this.checks.add(doubt);
  }

  /**
   * Nobody can check a result: its block is to be computed anew.
   * @param pieces of which size at most: no larger than a lease in the block that may yet be answered
   */
  withdraw(doubt: Doubt, pieces: number): void {
    const { lo, size } = doubt.block;
    this.checks.delete(doubt);
    this.#doubts.delete(lo);
    this.#states.fill(MISSING, lo, lo + size);
    for (let at = lo; at < Math.min(lo + size, this.#states.length); at += pieces)
      this.queue.push({ lo: at, size: pieces });
  }

  /** Its holder is not waited for any more, or not for it alone: what it was to compute waits for another. */
  release(lease: Lease): void {
    if (!lease.expected) return;
    lease.expected = false;
    if (lease.check === null) this.queue.push(lease.block);
    else this.checks.add(lease.check);
  }

  /** An answer came: nobody else's is awaited for its block, or a part of it. */
  #supersedeWithin(lease: Lease): void {
    const { lo, size } = lease.block;
    if (!lease.expected) {
      this.queue.removeWithin(lease.block);
      for (const other of this.#leases.slice(lo, lo + size)) if (other !== undefined) other.expected = false;
    }
    lease.expected = false;
  }
}
