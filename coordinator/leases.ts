/**
 * Rounds, and the aligned blocks of micro-batches that are leased of them; how long a worker may keep a lease. Plain values
 * and functions of them: who holds what, and what follows, is in machine.ts.
 */
import { isAligned } from '../core/allreduce/treeSum.ts';

export type WorkerId = number;

/** Micro-batches [lo, lo + size) of a round, cut off at its end; size is a power of two and divides lo. */
export interface Block {
  readonly lo: number;
  readonly size: number;
}

export type EvalSplit = 'train' | 'val';

export type Round = { readonly id: number; readonly step: number; readonly microBatches: number } & (
  | { readonly mode: 'train' }
  | { readonly mode: 'eval'; readonly split: EvalSplit }
);

export interface Lease {
  readonly round: number;
  readonly block: Block;
  readonly since: number;
  /** When it was handed out, or its worker last said that it had got further; and how often it has. */
  heard: number;
  progress: number;
  /** Handed to another worker as well, because it was overdue. */
  doubled: boolean;
}

/** A worker that is there. */
export interface Member {
  readonly slots: number;
  readonly leases: Lease[];
  /** Milliseconds a micro-batch of its last answers. */
  readonly pace: number[];
}

/** The longest leases, in micro-batches: they bound a message's size. */
const MAX_BLOCK = { train: 1024, eval: 16 } as const;

/** A lease is overdue after so many times what its worker has needed at the median, and never before the least. */
const PATIENCE = 10;
const LEAST_PATIENCE_MS = 2000;
/** For a worker that has not answered yet. */
const FIRST_PATIENCE_MS = 60_000;
/** How many of a worker's last answers its median is over. */
const REMEMBERED = 15;

/** Adds an answer's milliseconds a micro-batch to a worker's pace. */
export function remember(pace: number[], ms: number): void {
  pace.push(ms);
  if (pace.length > REMEMBERED) pace.shift();
}

/** How long a worker of this pace may keep a lease, or say nothing of it, before another is handed it too, in ms. */
export function patience(pace: readonly number[], size: number): number {
  const median = [...pace].sort((a, b) => a - b)[pace.length >> 1];
  return median === undefined ? FIRST_PATIENCE_MS : Math.max(LEAST_PATIENCE_MS, PATIENCE * median * size);
}

/** The round's micro-batches as the fewest aligned blocks of at most the longest lease. */
export function wholeBlocks({ mode, microBatches }: Round): Block[] {
  const size = Math.min(2 ** Math.ceil(Math.log2(microBatches)), MAX_BLOCK[mode]);
  return Array.from({ length: Math.ceil(microBatches / size) }, (_, i) => ({ lo: i * size, size }));
}

/** Halves the largest of the blocks that wait, in place, while there are fewer of them than idle slots. */
export function divide(queue: Block[], idle: number, { microBatches }: Round): void {
  let size = queue.reduce((most, block) => Math.max(most, block.size), 0);
  while (queue.length < idle && size > 1) {
    const at = queue.findIndex((block) => block.size === size);
    const block = queue[at];
    if (block === undefined) {
      size /= 2;
      continue;
    }
    const halves = [block.lo, block.lo + size / 2].map((lo) => ({ lo, size: size / 2 }));
    queue.splice(at, 1, ...halves.filter((half) => isAligned(half.lo, half.size, microBatches)));
  }
}
