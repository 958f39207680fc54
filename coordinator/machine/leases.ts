/**
 * Rounds, the aligned blocks of micro-batches that are leased of them, and who holds such a lease. Plain values and a queue
 * of blocks: who is handed what is in schedule.ts.
 */
import { isAligned } from '../../core/allreduce/treeSum.ts';
import type { Mode } from '../../core/protocol/work.ts';
import type { Pace } from './pace.ts';
import type { Standing } from './standing.ts';

export type WorkerId = number;

/** Micro-batches [lo, lo + size) of a round, cut off at its end; size is a power of two and divides lo. */
export interface Block {
  readonly lo: number;
  readonly size: number;
}

export type EvalSplit = 'train' | 'val';

export type Round = { readonly id: number; readonly step: number; readonly microBatches: number } & (
  | { readonly mode: 'train' }
  /** A look at the step that comes next, in its first micro-batch. */
  | { readonly mode: 'diagnose' }
  | { readonly mode: 'eval'; readonly split: EvalSplit }
);

/** A worker that is there. */
export interface Member {
  readonly id: WorkerId;
  /** Leases at a time; none once it wants to leave. */
  slots: number;
  /** Threads of this machine's own. */
  readonly local: boolean;
  /** What is known of its honesty; null of a worker that is trusted. */
  readonly standing: Standing | null;
  readonly leases: Lease[];
  /** Micro-batches of an evaluation are not those of a step: each mode has a past of its own. */
  readonly paces: Readonly<Record<Mode, Pace>>;
}

export interface Lease {
  readonly holder: Member;
  readonly round: number;
  readonly mode: Mode;
  readonly block: Block;
  /** The doubt that the answer is to settle; null of ordinary work. */
  readonly check: Doubt | null;
  readonly since: number;
  /** When it should be answered, going by its holder's past; at once, if it has none. */
  readonly due: number;
  /** When it was handed out, or its worker last said that it had got further; and how often it has. */
  heard: number;
  progress: number;
  /** Its worker has been silent for longer than its past explains. */
  overdue: boolean;
  /** Its holder is the one whose answer is waited for: not after the block was handed to another too, or is done. */
  expected: boolean;
}

/** A result that is held until another worker has computed the same block. */
export interface Doubt {
  readonly block: Block;
  /** Whose result is held. */
  worker: WorkerId;
  standing: Standing;
  /** All whose results of this block were not accepted: they cannot check it. */
  readonly asked: Set<Standing>;
}

/** The longest leases, in micro-batches: they bound a message's size. */
const MAX_BLOCK = { train: 1024, eval: 16, diagnose: 1 } as const;

/** Blocks that wait for a worker. None overlaps another. */
export class Queue {
  /** The last is the next. */
  #blocks: Block[] = [];
  #microBatches = 0;
  #size = 0;

  /** Starts with the round's micro-batches as the fewest aligned blocks of at most the longest lease. */
  fill({ mode, microBatches }: Round): void {
    const size = Math.min(2 ** Math.ceil(Math.log2(microBatches)), MAX_BLOCK[mode]);
    const count = Math.ceil(microBatches / size);
    this.#blocks = Array.from({ length: count }, (_, i) => ({ lo: (count - 1 - i) * size, size }));
    this.#microBatches = microBatches;
    this.#size = count * size;
  }

  clear(): void {
    this.#blocks = [];
    this.#size = 0;
  }

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  /** The sum of the blocks' sizes. */
  get size(): number {
    return this.#size;
  }

  /** Puts a block in front of all others. */
  push(block: Block): void {
    this.#blocks.push(block);
    this.#size += block.size;
  }

  /** Takes the first block, or as much of its beginning as `size`. */
  take(size: number): Block | undefined {
    let block = this.#blocks.pop();
    if (block === undefined) return undefined;
    this.#size -= block.size;
    while (block.size > size) {
      const half: number = block.size / 2;
      const rest = { lo: block.lo + half, size: half };
      if (isAligned(rest.lo, rest.size, this.#microBatches)) this.push(rest);
      block = { lo: block.lo, size: half };
    }
    return block;
  }

  /** Takes out what lies in a block. */
  removeWithin({ lo, size }: Block): void {
    if (this.isEmpty) return;
    this.#blocks = this.#blocks.filter((b) => b.lo < lo || b.lo >= lo + size);
    this.#size = this.#blocks.reduce((sum, b) => sum + b.size, 0);
  }
}
