/**
 * The last training steps, block by block: who computed what, from when to when. A few steps a second are recorded, and
 * nothing is kept of those between them.
 */
import { runLength } from '../../core/allreduce/treeSum.ts';
import type { TimelineBlock, TimelineStep } from '../../core/protocol/live.ts';
import type { Block, Round, WorkerId } from '../machine/machine.ts';

const STEPS = 8;
/** The least time from a recorded step's beginning to the next one's. */
const APART_MS = 200;
/** Blocks beyond these are left out of a step: nobody could see them. */
const MAX_BLOCKS = 512;

interface Recorded {
  readonly round: Round;
  readonly openedAt: number;
  ms: number | null;
  readonly blocks: { -readonly [K in keyof TimelineBlock]: TimelineBlock[K] }[];
}

export class Timeline {
  #steps: Recorded[] = [];
  /** The last of them while it is under way. */
  #open: Recorded | null = null;

  /** A round begins. @returns whether that is to be seen here; as the calls below */
  open(round: Round, now: number): boolean {
    this.#open = null;
    const last = this.#steps.at(-1);
    if (round.mode !== 'train' || (last !== undefined && now - last.openedAt < APART_MS)) return false;
    this.#open = { round, openedAt: now, ms: null, blocks: [] };
    this.#steps.push(this.#open);
    if (this.#steps.length > STEPS) this.#steps.shift();
    return true;
  }

  assign(worker: WorkerId, name: string, round: Round, { lo, size }: Block, now: number): boolean {
    const step = this.#open;
    if (step === null || step.round.id !== round.id || step.blocks.length >= MAX_BLOCKS) return false;
    const microBatches = runLength(lo, size, round.microBatches);
    const from = now - step.openedAt;
    step.blocks.push({ lo, microBatches, worker, name, from, to: null, accepted: false });
    return true;
  }

  /** An answer came: to the step under way, or late to one before it. */
  result(worker: WorkerId, round: number, { lo }: Block, accepted: boolean, now: number): boolean {
    const step = this.#open?.round.id === round ? this.#open : this.#steps.find((s) => s.round.id === round);
    const block = step?.blocks.find((b) => b.worker === worker && b.lo === lo && b.to === null);
    if (step === undefined || block === undefined) return false;
    block.to = now - step.openedAt;
    block.accepted = accepted;
    return true;
  }

  /** A worker has gone: what it was computing ends here. */
  leave(worker: WorkerId, now: number): void {
    for (const { openedAt, blocks } of this.#steps)
      for (const block of blocks) if (block.worker === worker && block.to === null) block.to = now - openedAt;
  }

  /** The step under way has been made. */
  close(now: number): boolean {
    if (this.#open === null) return false;
    this.#open.ms = now - this.#open.openedAt;
    this.#open = null;
    return true;
  }

  /** As they stand: oldest first. */
  steps(): TimelineStep[] {
    return this.#steps.map(({ round, ms, blocks }) => ({
      // As the log counts: by the updates made when it is done.
      step: round.step + 1,
      ms,
      blocks: blocks.map((block) => ({ ...block })),
    }));
  }
}
