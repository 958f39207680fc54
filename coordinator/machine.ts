/**
 * The coordinator's logic: a state machine. Events in (a worker joined, left, answered), actions out (assign, accept,
 * commit). It does no I/O, holds no tensor and reads no clock, so a whole run with its faults can be simulated in one
 * process; sockets, threads and disks are adapters around it (run.ts).
 *
 * A run is a sequence of rounds: a training step, an evaluation, or a look at what the layers do. A round is cut into micro-batches, leased to workers as
 * aligned runs (subtrees of the all-reduce, core/allreduce), and committed once each micro-batch has been accepted
 * exactly once. A lease that is lost goes back to the front of the queue. What is overdue, or would be done much
 * sooner by whoever is idle, is handed out twice, and the first answer counts: both have the same bits. Leases are as large
 * as their worker is fast. While the run is paused, no lease is handed out.
 */
import { isAligned, runLength } from '../core/allreduce/treeSum.ts';
import {
  type Block,
  type EvalSplit,
  isWorthDoubling,
  type Lease,
  type Member,
  type Pace,
  patience,
  type Round,
  remember,
  shares,
  take,
  type WorkerId,
  wholeBlocks,
} from './leases.ts';

export type { Block, EvalSplit, Round, WorkerId };

export type Event =
  | { readonly type: 'start' }
  | { readonly type: 'joined'; readonly worker: WorkerId; readonly slots: number }
  | { readonly type: 'left'; readonly worker: WorkerId }
  | { readonly type: 'result'; readonly worker: WorkerId; readonly round: number; readonly block: Block }
  /** The worker has finished a micro-batch of a lease that it holds: `block` is the lease's, or lies in it. */
  | { readonly type: 'progress'; readonly worker: WorkerId; readonly round: number; readonly block: Block }
  /** The worker was too slow to be sent a lease before its round was over, and now never will be. */
  | { readonly type: 'returned'; readonly worker: WorkerId; readonly round: number; readonly block: Block }
  /** The worker wants no more leases; it is released once it has answered those that it holds. */
  | { readonly type: 'retire'; readonly worker: WorkerId }
  /** Time has passed. */
  | { readonly type: 'tick' }
  /** The operator wants no more leases handed out; what is under way is still taken. */
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** The operator wants a checkpoint now: parameters change at commits alone, so any moment will do. */
  | { readonly type: 'checkpoint' }
  /** The operator sends a worker away. */
  | { readonly type: 'kick'; readonly worker: WorkerId }
  /** A person wants to stop: abandon the round under way, keep what is committed. */
  | { readonly type: 'stop' };

export type Action =
  /** A round begins: prepare its data. */
  | { readonly type: 'open'; readonly round: Round }
  | { readonly type: 'assign'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The result just reported counts: add it to the sum. */
  | { readonly type: 'accept'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The lease has been kept for too long, and may be handed out again. Told once a lease, for whoever watches. */
  | { readonly type: 'overdue'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The worker sent what it was not asked for, or is not wanted: close it. */
  | {
      readonly type: 'expel';
      readonly worker: WorkerId;
      readonly cause: 'not-leased' | 'operator';
      readonly reason: string;
    }
  /** The worker wanted to leave, and holds no lease any more that is of use: let it go. */
  | { readonly type: 'release'; readonly worker: WorkerId }
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
  /** Look at what the layers do before every so many steps; 0 is never. */
  readonly diagnoseEvery: number;
}

export class Machine {
  readonly #plan: Plan;
  readonly #workers = new Map<WorkerId, Member>();
  /** Those that want to leave: they have no slots any more. */
  readonly #retiring = new Set<WorkerId>();
  #step: number;
  #rounds = 0;
  #round: Round | null = null;
  /** Rounds still to come before the next training step. */
  #evaluations: EvalSplit[] = [];
  /** Blocks of the round that wait for a worker, next first. */
  #queue: Block[] = [];
  /** A 1 for each micro-batch of the round that has been accepted. */
  #accepted = new Uint8Array(0);
  #missing = 0;
  /** The step that has been looked at. */
  #diagnosed = -1;
  #now = 0;
  #paused = false;
  #finished = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#step = plan.startStep;
  }

  /**
   * Takes an event; returns what is to be done, in order. Events after the end are answered by nothing.
   * @param now milliseconds on a clock that does not run back, from anywhere
   */
  handle(event: Event, now: number): Action[] {
    if (this.#finished) return [];
    this.#now = now;
    const actions = this.#handle(event);
    return this.#retiring.size === 0 ? actions : [...actions, ...this.#releases()];
  }

  #handle(event: Event): Action[] {
    switch (event.type) {
      case 'start':
        return this.#next(this.#step >= this.#plan.steps ? ['train', 'val'] : []);
      case 'joined':
        this.#workers.set(event.worker, { slots: event.slots, leases: [], pace: { last: [], median: null } });
        return this.#assign();
      case 'left':
        return this.#lose(event.worker);
      case 'result':
        return this.#result(event.worker, event.round, event.block);
      case 'progress':
        return this.#progress(event.worker, event.round, event.block);
      case 'returned':
        return this.#returned(event.worker, event.round, event.block);
      case 'retire':
        return this.#retire(event.worker);
      case 'tick':
        return this.#hurry();
      case 'pause':
        this.#paused = true;
        return [];
      case 'resume':
        this.#paused = false;
        return this.#assign();
      case 'checkpoint':
        return [{ type: 'checkpoint', step: this.#step }];
      case 'kick':
        if (!this.#workers.has(event.worker)) return [];
        return this.#expel(event.worker, 'operator', 'the operator sent it away');
      case 'stop':
        return this.#finish(false);
      default:
        return event satisfies never;
    }
  }

  #result(worker: WorkerId, roundId: number, block: Block): Action[] {
    const member = this.#workers.get(worker);
    const round = this.#round;
    if (member === undefined || round === null) return [];
    if (!this.#end(member, roundId, block))
      return this.#expel(worker, 'not-leased', 'it answered a lease that it did not hold');
    // Late: the round is over, or another worker was handed the same and was faster.
    if (roundId !== round.id) return this.#assign();
    if (this.#has(block)) return this.#putBack([block]);

    this.#accepted.fill(1, block.lo, block.lo + block.size);
    this.#queue = this.#queue.flatMap((waiting) => this.#remaining(waiting));
    this.#missing -= runLength(block.lo, block.size, round.microBatches);
    const accept: Action = { type: 'accept', worker, round, block };
    return this.#missing > 0 ? [accept, ...this.#assign()] : [accept, ...this.#commit(round)];
  }

  /** Ends a lease, and takes its length for how long the worker needs. @returns false if the worker does not hold it */
  #end({ leases, pace }: Member, roundId: number, block: Block): boolean {
    const at = leases.findIndex((l) => l.round === roundId && l.block.lo === block.lo && l.block.size === block.size);
    const lease = leases[at];
    if (lease === undefined) return false;
    leases.splice(at, 1);
    remember(pace, (this.#now - lease.since) / block.size);
    return true;
  }

  #returned(worker: WorkerId, roundId: number, block: Block): Action[] {
    const member = this.#workers.get(worker);
    if (member === undefined || !this.#end(member, roundId, block)) return [];
    return roundId === this.#round?.id ? this.#putBack([block]) : this.#assign();
  }

  /** Restarts the patience with a lease, as often as it has micro-batches: a lease is extended by work, not by words. */
  #progress(worker: WorkerId, round: number, { lo, size }: Block): Action[] {
    const lease = this.#workers
      .get(worker)
      ?.leases.find((l) => l.round === round && l.block.lo <= lo && lo + size <= l.block.lo + l.block.size);
    if (lease === undefined || lease.progress >= lease.block.size) return [];
    lease.progress++;
    lease.heard = this.#now;
    return [];
  }

  /** Whether a part of the block has been accepted. */
  #has({ lo, size }: Block): boolean {
    return this.#accepted.subarray(lo, lo + size).includes(1);
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
        ? this.#nextStep(id)
        : { id, mode: 'eval', split, step: this.#step, microBatches: this.#plan.evalMicroBatches[split] };
    this.#round = round;
    this.#missing = round.microBatches;
    this.#accepted = new Uint8Array(round.microBatches);
    this.#queue = wholeBlocks(round);
    return [{ type: 'open', round }, ...this.#assign()];
  }

  /** The next training step, or first a look at it where one is due. */
  #nextStep(id: number): Round {
    const { diagnoseEvery, microBatches } = this.#plan;
    const step = this.#step;
    if (diagnoseEvery === 0 || (step + 1) % diagnoseEvery !== 0 || this.#diagnosed === step)
      return { id, mode: 'train', step, microBatches };
    this.#diagnosed = step;
    return { id, mode: 'diagnose', step, microBatches: 1 };
  }

  #finish(complete: boolean): Action[] {
    this.#finished = true;
    this.#round = null;
    return [{ type: 'finish', step: this.#step, complete }];
  }

  #expel(worker: WorkerId, cause: 'not-leased' | 'operator', reason: string): Action[] {
    return [{ type: 'expel', worker, cause, reason }, ...this.#lose(worker)];
  }

  #retire(worker: WorkerId): Action[] {
    const member = this.#workers.get(worker);
    if (member === undefined) return [];
    this.#workers.set(worker, { ...member, slots: 0 });
    this.#retiring.add(worker);
    return [];
  }

  /** Lets those go that wanted to leave and from which nothing more is expected. */
  #releases(): Action[] {
    const actions: Action[] = [];
    for (const worker of this.#retiring) {
      const member = this.#workers.get(worker);
      if (member?.leases.some((l) => l.round === this.#round?.id && !this.#has(l.block))) continue;
      this.#retiring.delete(worker);
      if (member !== undefined) actions.push({ type: 'release', worker }, ...this.#lose(worker));
    }
    return actions;
  }

  #lose(worker: WorkerId): Action[] {
    const member = this.#workers.get(worker);
    if (member === undefined) return [];
    this.#workers.delete(worker);
    return this.#putBack(member.leases.filter((l) => l.round === this.#round?.id).map((l) => l.block));
  }

  /** Queues what is still to be done of blocks that nobody holds any more; of one handed out twice, another may. */
  #putBack(blocks: readonly Block[]): Action[] {
    const parts = blocks.flatMap((block) => this.#remaining(block)).filter((part) => !this.#isHeld(part));
    this.#queue.unshift(...parts);
    return this.#assign();
  }

  /** The parts of a block that have not been accepted, as aligned blocks. */
  #remaining(block: Block): Block[] {
    const { microBatches } = this.#round ?? { microBatches: 0 };
    if (!isAligned(block.lo, block.size, microBatches)) return [];
    if (!this.#has(block)) return [block];
    const size = block.size / 2;
    return size < 1 ? [] : [block.lo, block.lo + size].flatMap((lo) => this.#remaining({ lo, size }));
  }

  /** Whether each micro-batch of the block waits already, or is leased to a worker of which it may still be expected. */
  #isHeld({ lo, size }: Block): boolean {
    const leases = [...this.#workers.values()].flatMap((m) =>
      m.leases.filter((l) => l.round === this.#round?.id && !l.doubled),
    );
    const blocks = [...this.#queue, ...leases.map((l) => l.block)];
    const end = Math.min(lo + size, this.#round?.microBatches ?? 0);
    for (let i = lo; i < end; i++) if (!blocks.some((b) => b.lo <= i && i < b.lo + b.size)) return false;
    return true;
  }

  /** Queues overdue leases a second time, once nothing else waits. */
  #hurry(): Action[] {
    const round = this.#round;
    if (round === null || this.#paused || this.#queue.length > 0) return [];
    const overdue: Action[] = [];
    for (const [worker, { leases, pace }] of this.#workers)
      for (const lease of leases) {
        const { block } = lease;
        if (lease.round !== round.id || lease.doubled || this.#has(block)) continue;
        if (this.#now - lease.heard < patience(pace, block.size)) continue;
        lease.doubled = true;
        this.#queue.push(block);
        overdue.push({ type: 'overdue', worker, round, block });
      }
    return [...overdue, ...this.#assign()];
  }

  /** Hands out blocks while slots are idle, unless the run is paused. */
  #assign(): Action[] {
    const round = this.#round;
    if (round === null || this.#paused) return [];
    const actions: Action[] = [];
    if (this.#queue.length > 0) {
      const waiting = this.#queue.reduce((sum, { size }) => sum + size, 0);
      const share = shares(this.#workers, waiting);
      // One lease a worker at a time, so that the work of a small round is spread over workers before threads.
      for (let depth = 0, given = true; given && this.#queue.length > 0; depth++) {
        given = false;
        for (const [worker, { slots, leases }] of this.#workers) {
          if (leases.length >= slots) continue;
          given = true;
          if (leases.length > depth) continue;
          const block = take(this.#queue, share.get(worker) ?? 1, round);
          if (block === undefined) break;
          actions.push(this.#lease(worker, leases, block, round));
        }
      }
    }
    return this.#queue.length > 0 ? actions : [...actions, ...this.#double(round)];
  }

  /** With nothing left to hand out: what an idle worker would finish well before its holder does, it is handed too. */
  #double(round: Round): Action[] {
    const actions: Action[] = [];
    let slow: { readonly holder: WorkerId; readonly pace: Pace; readonly lease: Lease }[] | null = null;
    for (const [worker, { slots, leases, pace }] of this.#workers)
      while (leases.length < slots && pace.median !== null) {
        slow ??= this.#leasesOf(round);
        const found = slow.find(
          ({ holder, pace: theirs, lease }) =>
            holder !== worker && !lease.doubled && isWorthDoubling(lease, theirs, pace, this.#now),
        );
        if (found === undefined) break;
        found.lease.doubled = true;
        actions.push(this.#lease(worker, leases, found.lease.block, round));
      }
    return actions;
  }

  /** The leases of the round that have not been handed out twice. */
  #leasesOf(round: Round): { readonly holder: WorkerId; readonly pace: Pace; readonly lease: Lease }[] {
    return [...this.#workers].flatMap(([holder, { leases, pace }]) =>
      leases
        .filter((lease) => lease.round === round.id && !lease.doubled && !this.#has(lease.block))
        .map((lease) => ({ holder, pace, lease })),
    );
  }

  #lease(worker: WorkerId, leases: Lease[], block: Block, round: Round): Action {
    leases.push({ round: round.id, block, since: this.#now, heard: this.#now, progress: 0, doubled: false });
    return { type: 'assign', worker, round, block };
  }
}
