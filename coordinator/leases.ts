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
  /** A look at the step that comes next, in its first micro-batch. */
  | { readonly mode: 'diagnose' }
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
  /** How many leases it may hold; none once it wants to leave. */
  readonly slots: number;
  readonly leases: Lease[];
  readonly pace: Pace;
}

/** How fast a worker is: milliseconds a micro-batch of its last answers, and their median; null before the first. */
export interface Pace {
  readonly last: number[];
  median: number | null;
}

/** The longest leases, in micro-batches: they bound a message's size. */
const MAX_BLOCK = { train: 1024, eval: 16, diagnose: 1 } as const;

/** A lease is overdue after so many times what its worker has needed at the median, and never before the least. */
const PATIENCE = 10;
const LEAST_PATIENCE_MS = 2000;
/** For a worker that has not answered yet. */
const FIRST_PATIENCE_MS = 60_000;
/** How many of a worker's last answers its median is over. */
const REMEMBERED = 15;

/** A pace of less is not told from none: it would make a worker infinitely fast. */
const LEAST_PACE_MS = 1e-3;

/** Adds an answer's milliseconds a micro-batch to a worker's pace. */
export function remember(pace: Pace, ms: number): void {
  pace.last.push(ms);
  if (pace.last.length > REMEMBERED) pace.last.shift();
  const median = pace.last.toSorted((a, b) => a - b)[pace.last.length >> 1] ?? 0;
  pace.median = Math.max(LEAST_PACE_MS, median);
}

/** How long a worker of this pace may keep a lease, or say nothing of it, before another is handed it too, in ms. */
export function patience({ median }: Pace, size: number): number {
  return median === null ? FIRST_PATIENCE_MS : Math.max(LEAST_PATIENCE_MS, PATIENCE * median * size);
}

/** How much sooner than its holder an idle worker must be expected to finish a lease, to be handed it too. */
const SOONER = 2;

/**
 * Whether a worker of pace `idle` would finish a lease well before its holder does. A holder that has taken longer than
 * usual, or of which nothing is known, is expected to take as long again.
 */
export function isWorthDoubling(lease: Lease, holder: Pace, idle: Pace, now: number): boolean {
  const mine = idle.median;
  if (mine === null) return false;
  const { size } = lease.block;
  const elapsed = now - lease.since;
  const expected = (holder.median ?? 0) * size;
  const left = elapsed > expected ? elapsed : expected - elapsed;
  return left > SOONER * mine * size;
}

/**
 * How many micro-batches a lease of each worker should have, as powers of two, for all to end together: their share of
 * what waits by their speed. Where speeds are known, a worker of unknown speed is tried with one.
 */
export function shares(workers: ReadonlyMap<WorkerId, Member>, waiting: number): Map<WorkerId, number> {
  const paces = new Map([...workers].map(([id, { pace }]) => [id, pace.median]));
  const isKnown = [...paces.values()].some((pace) => pace !== null);
  let speed = 0;
  let left = waiting;
  for (const [id, { slots, leases }] of workers) {
    if (slots === 0) continue;
    const pace = paces.get(id) ?? null;
    const idle = slots - leases.length;
    // Whoever is busy comes back, sometime; whoever has not answered yet, perhaps not.
    if (pace !== null) speed += slots / pace;
    else if (isKnown) left -= idle;
    else speed += idle;
  }
  return new Map(
    [...paces].map(([id, pace]) => {
      const fair = isKnown && pace === null ? 1 : left / speed / (pace ?? 1);
      // A hair more, so that rounding makes no 3.999 of a 4.
      return [id, 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, fair * (1 + 1e-9)))))];
    }),
  );
}

/** Takes the first of the blocks that wait, or as much of its beginning as `size`. */
export function take(queue: Block[], size: number, { microBatches }: Round): Block | undefined {
  let block = queue.shift();
  while (block !== undefined && block.size > size) {
    const half = block.size / 2;
    const rest = { lo: block.lo + half, size: half };
    if (isAligned(rest.lo, rest.size, microBatches)) queue.unshift(rest);
    block = { lo: block.lo, size: half };
  }
  return block;
}

/** The round's micro-batches as the fewest aligned blocks of at most the longest lease. */
export function wholeBlocks({ mode, microBatches }: Round): Block[] {
  const size = Math.min(2 ** Math.ceil(Math.log2(microBatches)), MAX_BLOCK[mode]);
  return Array.from({ length: Math.ceil(microBatches / size) }, (_, i) => ({ lo: i * size, size }));
}
