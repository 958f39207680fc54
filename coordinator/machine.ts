/**
 * The coordinator's logic: a state machine. Events in (a worker joined, left, answered), actions out (assign, accept,
 * commit). It does no I/O, holds no tensor and reads no clock, so a whole run with its faults can be simulated in one
 * process; sockets, threads and disks are adapters around it (run.ts).
 *
 * A run is a sequence of rounds: a training step, or an evaluation. A round is cut into micro-batches, leased to workers as
 * aligned runs (subtrees of the all-reduce, core/allreduce), and committed once each micro-batch has been accepted
 * exactly once. A lease that is lost goes back to the front of the queue.
 */
import { isAligned, runLength } from '../core/allreduce/treeSum.ts';

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

export type Event =
  | { readonly type: 'start' }
  | { readonly type: 'joined'; readonly worker: WorkerId; readonly slots: number }
  | { readonly type: 'left'; readonly worker: WorkerId }
  | { readonly type: 'result'; readonly worker: WorkerId; readonly round: number; readonly block: Block }
  /** A person wants to stop: abandon the round under way, keep what is committed. */
  | { readonly type: 'stop' };

export type Action =
  /** A round begins: prepare its data. */
  | { readonly type: 'open'; readonly round: Round }
  | { readonly type: 'assign'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The result just reported counts: add it to the sum. */
  | { readonly type: 'accept'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The worker sent what it was not asked for: close it. */
  | { readonly type: 'expel'; readonly worker: WorkerId; readonly reason: string }
  /** All micro-batches of the round have been accepted once: update the parameters, or report the evaluation. */
  | { readonly type: 'commit'; readonly round: Round }
  | { readonly type: 'checkpoint'; readonly step: number }
  | { readonly type: 'finish'; readonly step: number; readonly complete: boolean };

/** What is to be done, and when. Steps count the updates made: after the first one, the step is 1. */
export interface Plan {
  readonly startStep: number;
  readonly steps: number;
  readonly microBatches: number;
  /** Micro-batches of an evaluation of a split. */
  readonly evalMicroBatches: Readonly<Record<EvalSplit, number>>;
  /** Evaluate the validation set after every so many steps; 0 is only at the end. Both splits are evaluated at the end. */
  readonly evalEvery: number;
  readonly checkpointEvery: number;
}

/** The longest lease in an evaluation: bounds a message's size. */
const MAX_EVAL_BLOCK = 16;

interface Member {
  readonly slots: number;
  readonly leases: Block[];
}

export class Machine {
  readonly #plan: Plan;
  readonly #workers = new Map<WorkerId, Member>();
  #step: number;
  #rounds = 0;
  #round: Round | null = null;
  /** Rounds still to come before the next training step. */
  #evaluations: EvalSplit[] = [];
  /** Blocks of the round that nobody holds, next first. */
  #queue: Block[] = [];
  #missing = 0;
  #finished = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#step = plan.startStep;
  }

  /** Takes an event; returns what is to be done, in order. Events after the end are answered by nothing. */
  handle(event: Event): Action[] {
    if (this.#finished) return [];
    switch (event.type) {
      case 'start':
        return this.#next(this.#step >= this.#plan.steps ? ['train', 'val'] : []);
      case 'joined':
        this.#workers.set(event.worker, { slots: event.slots, leases: [] });
        return this.#assign();
      case 'left':
        return this.#lose(event.worker);
      case 'result':
        return this.#result(event.worker, event.round, event.block);
      case 'stop':
        return this.#finish(false);
      default:
        return event satisfies never;
    }
  }

  /** Workers present, and leases that are out. */
  get workers(): number {
    return this.#workers.size;
  }

  #result(worker: WorkerId, roundId: number, block: Block): Action[] {
    const member = this.#workers.get(worker);
    const round = this.#round;
    if (member === undefined || round === null) return [];
    const lease = member.leases.findIndex((b) => b.lo === block.lo && b.size === block.size);
    if (roundId !== round.id || lease === -1)
      return [{ type: 'expel', worker, reason: 'it answered a lease that it did not hold' }, ...this.#lose(worker)];
    member.leases.splice(lease, 1);
    this.#missing -= runLength(block.lo, block.size, round.microBatches);
    const accept: Action = { type: 'accept', worker, round, block };
    return this.#missing > 0 ? [accept, ...this.#assign()] : [accept, ...this.#commit(round)];
  }

  #commit(round: Round): Action[] {
    const actions: Action[] = [{ type: 'commit', round }];
    let evaluations = this.#evaluations;
    if (round.mode === 'train') {
      this.#step = round.step + 1;
      const { evalEvery, checkpointEvery, steps } = this.#plan;
      const last = this.#step === steps;
      if (last || (checkpointEvery > 0 && this.#step % checkpointEvery === 0))
        actions.push({ type: 'checkpoint', step: this.#step });
      if (last) evaluations = ['train', 'val'];
      else if (evalEvery > 0 && this.#step % evalEvery === 0) evaluations = ['val'];
    }
    return [...actions, ...this.#next(evaluations)];
  }

  /** Opens the next round: the first of `evaluations`, or a training step, or ends the run. */
  #next(evaluations: readonly EvalSplit[]): Action[] {
    const [split, ...rest] = evaluations;
    if (split === undefined && this.#step >= this.#plan.steps) return this.#finish(true);
    this.#evaluations = rest;
    const id = this.#rounds++;
    const round: Round =
      split === undefined
        ? { id, mode: 'train', step: this.#step, microBatches: this.#plan.microBatches }
        : { id, mode: 'eval', split, step: this.#step, microBatches: this.#plan.evalMicroBatches[split] };
    this.#round = round;
    this.#missing = round.microBatches;
    this.#queue = wholeBlocks(round);
    return [{ type: 'open', round }, ...this.#assign()];
  }

  #finish(complete: boolean): Action[] {
    this.#finished = true;
    this.#round = null;
    return [{ type: 'finish', step: this.#step, complete }];
  }

  #lose(worker: WorkerId): Action[] {
    const member = this.#workers.get(worker);
    if (member === undefined) return [];
    this.#workers.delete(worker);
    this.#queue.unshift(...member.leases);
    return this.#assign();
  }

  /** Hands out blocks while slots are idle. */
  #assign(): Action[] {
    const round = this.#round;
    if (round === null) return [];
    const actions: Action[] = [];
    let idle = 0;
    for (const { slots, leases } of this.#workers.values()) idle += slots - leases.length;
    this.#divide(idle, round);
    // One lease a worker at a time, so that the work of a small round is spread over workers before threads.
    for (let depth = 0; idle > 0 && this.#queue.length > 0; depth++)
      for (const [worker, { slots, leases }] of this.#workers) {
        if (leases.length > depth || leases.length >= slots) continue;
        const block = this.#queue.shift();
        if (block === undefined) break;
        leases.push(block);
        idle--;
        actions.push({ type: 'assign', worker, round, block });
      }
    return actions;
  }

  /** Halves the largest waiting block, again and again, while there are fewer blocks than idle slots. */
  #divide(idle: number, round: Round): void {
    while (this.#queue.length < idle) {
      const size = Math.max(0, ...this.#queue.map((block) => block.size)) / 2;
      if (size < 1) return;
      const at = this.#queue.findIndex((block) => block.size === size * 2);
      const { lo } = this.#queue[at] as Block;
      const halves = [lo, lo + size].map((start) => ({ lo: start, size }));
      this.#queue.splice(at, 1, ...halves.filter((half) => isAligned(half.lo, half.size, round.microBatches)));
    }
  }
}

/** The round's micro-batches as the fewest aligned blocks of at most the longest lease. */
function wholeBlocks({ mode, microBatches }: Round): Block[] {
  const power = 2 ** Math.ceil(Math.log2(microBatches));
  const size = mode === 'eval' ? Math.min(power, MAX_EVAL_BLOCK) : power;
  return Array.from({ length: Math.ceil(microBatches / size) }, (_, i) => ({ lo: i * size, size }));
}
