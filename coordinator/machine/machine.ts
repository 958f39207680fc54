/**
 * The coordinator's logic: a state machine. Events in (a worker joined, left, answered), actions out (assign, accept,
 * commit). It does no I/O, holds no tensor and reads no clock, so a whole run with its faults can be simulated in one
 * process; sockets, threads and disks are adapters around it (run.ts).
 *
 * A run is a sequence of rounds (rounds.ts): a training step, an evaluation, or a look at what the layers do. A round is cut
 * into micro-batches, leased to workers (schedule.ts) as aligned runs (subtrees of the all-reduce, core/allreduce), and
 * committed once each micro-batch has been accepted exactly once.
 *
 * A result of a worker that is not trusted may be doubted: then it is held, and counts for nothing until the same block has
 * been computed by a worker that is. That one's result is taken. If they differ, the doubted worker has lied, and whatever
 * of its work was taken unchecked goes: the round under way starts again, or the run goes back to before the first step
 * with such work (where nothing is verified, what is committed stays). Doubts end with their round, whichever way it ends. Evaluations and looks that are committed stay: they
 * are figures in a log, and nothing is computed from them.
 *
 * Where nothing is verified and no trusted worker is there, a merely suspect result is checked by any other worker. If the
 * two differ and the second is not suspect, the first lied. If it is suspect too, it is held in the first one's stead for a
 * third; who has answered is not asked again, and with nobody left to ask, the last answer is taken and nobody accused.
 */
import type { Action, Cause, Event } from './events.ts';
import type { Block, Doubt, EvalSplit, Lease, Member, Round, WorkerId } from './leases.ts';
import { type Plan, Rounds } from './rounds.ts';
import { Schedule } from './schedule.ts';
import { isSampled, type Standing, Standings, type Verify } from './standing.ts';

export type { Action, Block, Cause, EvalSplit, Event, Plan, Round, Verify, WorkerId };

const LIED = 'its result was not what the same micro-batches gave another worker';

export class Machine {
  readonly #verify: Verify;
  readonly #dice: () => number;
  readonly #rounds: Rounds;
  readonly #schedule: Schedule;
  readonly #standings = new Standings();
  #round: Round | null = null;
  /** Those of whose work something unchecked has been accepted in the round. */
  readonly #unchecked = new Set<Standing>();
  /** Which step was asked to be gone back to, until that is done. */
  #rollback: number | null = null;
  #paused = false;
  #draining = false;
  #finished = false;
  #unverifiable = false;
  #now = 0;
  #actions: Action[] = [];

  /** @param dice numbers in [0, 1) that no worker can foresee: they choose which results are checked */
  constructor(plan: Plan, dice: () => number = Math.random) {
    this.#verify = plan.verify;
    this.#dice = dice;
    this.#rounds = new Rounds(plan);
    this.#schedule = new Schedule(plan.verify === 'off');
  }

  /** Before this step, nothing unchecked of anybody lies who could still be found to have lied: no rollback asks for less. */
  get cleanStep(): number {
    return this.#verify === 'off' ? this.#rounds.step : this.#standings.cleanStep(this.#rounds.step);
  }

  /**
   * Takes an event; returns what is to be done, in order. Events after the end are answered by nothing.
   * @param now milliseconds on a clock that does not run back, from anywhere
   * @throws Error if the adapter contradicts what it was told
   */
  handle(event: Event, now: number): Action[] {
    if (this.#finished) return [];
    this.#now = now;
    this.#actions = [];
    this.#handle(event);
    this.#releaseRetired();
    this.#tellUnverifiable();
    return this.#actions;
  }

  #handle(event: Event): void {
    switch (event.type) {
      case 'start':
        return this.#next();
      case 'joined': {
        const { worker, slots, local, trusted, identity } = event;
        this.#schedule.join(worker, slots, local, trusted ? null : this.#standings.join(identity));
        return this.#assign();
      }
      case 'left':
        this.#lose(event.worker);
        return this.#assign();
      case 'result':
        return this.#result(event);
      case 'progress':
        return this.#progress(event.worker, event.round, event.block);
      case 'returned':
        return this.#returned(event.worker, event.round, event.block);
      case 'retire':
        return this.#schedule.retire(event.worker);
      case 'tick':
        return this.#hurry();
      case 'pause':
        this.#paused = true;
        if (this.#draining && this.#rollback === null) this.#finish(false);
        return;
      case 'resume':
        this.#paused = false;
        return this.#assign();
      case 'checkpoint':
        if (this.#rollback === null) this.#actions.push({ type: 'checkpoint', step: this.#rounds.step });
        return;
      case 'kick':
        if (this.#schedule.get(event.worker) === undefined) return;
        this.#expel(event.worker, 'operator', 'the operator sent it away');
        return this.#assign();
      case 'restored':
        return this.#restored(event.step);
      case 'drain':
        this.#draining = true;
        if (this.#rollback === null && (this.#round === null || this.#paused)) this.#finish(false);
        return;
      case 'stop':
        return this.#finish(false);
      default:
        return event satisfies never;
    }
  }

  #result({ worker, round: id, block, suspect, agrees }: Event & { type: 'result' }): void {
    const member = this.#schedule.get(worker);
    if (member === undefined) return;
    const lease = this.#schedule.answered(member, id, block.lo, block.size, this.#now);
    const round = this.#round;
    if (lease === undefined) this.#expel(worker, 'not-leased', 'it answered a lease that it did not hold');
    else if (round !== null && id === round.id) {
      const found = this.#schedule.look(lease);
      if (found === 'first') this.#first(round, lease, suspect);
      // Another worker was handed the same and was faster.
      else if (found === 'late') this.#schedule.tally.release(lease);
      else this.#check(round, lease, found, suspect, agrees);
    }
    this.#commitIfComplete();
    this.#assign(lease === undefined ? [] : [member]);
  }

  /** Takes the first answer of a block, or holds it. */
  #first(round: Round, lease: Lease, suspect: boolean): void {
    const { id, standing } = lease.holder;
    const doubted =
      standing !== null &&
      (suspect || isSampled(standing, this.#verify, this.#dice)) &&
      (this.#verify !== 'off' || this.#schedule.canCheck(new Set([standing])));
    if (!doubted) return this.#accept(round, lease);
    this.#schedule.tally.doubt(lease, id, standing);
    this.#standings.hold(standing);
    this.#actions.push({ type: 'doubt', worker: id, round, block: lease.block });
  }

  /** Settles a doubt by another worker's answer. */
  #check(round: Round, lease: Lease, doubt: Doubt, suspect: boolean, agrees: boolean | null): void {
    if (agrees === null) throw new Error('a result was not compared with the one that is held of its block');
    const { worker, standing } = doubt;
    const { id, standing: own } = lease.holder;
    const isWitness = own === null || !suspect;
    if (!agrees && !isWitness && this.#schedule.canCheck(new Set([...doubt.asked, own]))) {
      this.#standings.hold(own);
      this.#standings.release(standing);
      this.#schedule.tally.doubtInstead(doubt, lease, id, own);
      this.#actions.push({ type: 'doubt', worker: id, round, block: lease.block });
      return;
    }
    const lied = !agrees && isWitness;
    if (agrees) standing.validated++;
    // Who verifies nothing has taken much else unchecked: one who stayed for days to lie then could undo them all.
    const since = this.#verify === 'off' ? null : standing.firstUnchecked;
    const roundStands = !lied || (since === null && !this.#unchecked.has(standing));
    if (roundStands) this.#accept(round, lease);
    if (lied) this.#expelLiar(worker, standing);
    if (roundStands) return this.#standings.release(standing);
    // Releases this result as well: it is held still, like all others of the round.
    this.#close();
    if (since === null) return this.#open(this.#rounds.again(round));
    this.#rounds.goBack(since);
    this.#rollback = since;
    this.#actions.push({ type: 'rollback', step: since });
  }

  #accept(round: Round, lease: Lease): void {
    const { id, standing } = lease.holder;
    if (standing !== null) this.#unchecked.add(standing);
    this.#schedule.tally.accept(lease);
    this.#actions.push({ type: 'accept', worker: id, round, block: lease.block });
  }

  /** Restarts the patience with a lease, as often as it has micro-batches: a lease is extended by work, not by words. */
  #progress(worker: WorkerId, round: number, { lo, size }: Block): void {
    const lease = this.#schedule
      .get(worker)
      ?.leases.find((l) => l.round === round && l.block.lo <= lo && lo + size <= l.block.lo + l.block.size);
    if (lease === undefined || lease.progress >= lease.block.size) return;
    lease.progress++;
    lease.heard = this.#now;
  }

  /** A lease comes back unanswered: its slot is free, and its time counts for the worker's pace. */
  #returned(worker: WorkerId, round: number, { lo, size }: Block): void {
    const member = this.#schedule.get(worker);
    if (member === undefined) return;
    const lease = this.#schedule.answered(member, round, lo, size, this.#now);
    if (lease === undefined) return;
    if (round === this.#round?.id) this.#schedule.tally.release(lease);
    this.#assign([member]);
  }

  /** Lets those go that wanted to leave and from which nothing more is expected. */
  #releaseRetired(): void {
    if (this.#finished) return;
    for (const worker of this.#schedule.retired(this.#round?.id ?? null)) {
      this.#actions.push({ type: 'release', worker });
      this.#lose(worker);
    }
  }

  #commitIfComplete(): void {
    const round = this.#round;
    if (round === null || !this.#schedule.tally.isComplete) return;
    this.#actions.push({ type: 'commit', round });
    if (round.mode === 'train') for (const standing of this.#unchecked) standing.firstUnchecked ??= round.step;
    const isCheckpointDue = this.#rounds.commit(round);
    this.#close();
    if (isCheckpointDue) this.#actions.push({ type: 'checkpoint', step: this.#rounds.step });
    this.#next();
  }

  /** Opens the next round, or ends the run. */
  #next(): void {
    if (this.#draining) return this.#finish(this.#rounds.isOver);
    const round = this.#rounds.next();
    if (round === null) return this.#finish(true);
    this.#open(round);
    this.#assign();
  }

  #open(round: Round): void {
    this.#round = round;
    this.#schedule.open(round);
    this.#actions.push({ type: 'open', round });
  }

  /** Ends the round under way, committed or not. */
  #close(): void {
    for (const { standing } of this.#schedule.close()) this.#standings.release(standing);
    this.#unchecked.clear();
    this.#round = null;
  }

  #restored(step: number): void {
    const asked = this.#rollback;
    if (asked === null || step > asked)
      throw new Error(`the run went back to step ${step}, though it was asked for ${asked ?? 'none'}`);
    this.#rollback = null;
    this.#rounds.goBack(step);
    this.#standings.undo(step);
    this.#next();
  }

  #finish(complete: boolean): void {
    this.#close();
    this.#finished = true;
    this.#actions.push({ type: 'finish', step: this.#rounds.step, complete });
  }

  /** Sends away a worker that lied, on all of its connections; it is named even if it has left. */
  #expelLiar(worker: WorkerId, standing: Standing): void {
    standing.validated = 0;
    this.#expel(worker, 'lied', LIED);
    for (const { id } of this.#schedule.of(standing)) this.#expel(id, 'lied', LIED);
  }

  #expel(worker: WorkerId, cause: Cause, reason: string): void {
    this.#actions.push({ type: 'expel', worker, reason, cause });
    this.#lose(worker);
  }

  #lose(worker: WorkerId): void {
    const standing = this.#schedule.leave(worker)?.standing ?? null;
    if (standing !== null) this.#standings.leave(standing);
  }

  /** Hands overdue leases out a second time. */
  #hurry(): void {
    const round = this.#round;
    if (round === null || this.#paused) return;
    for (const { holder, block } of this.#schedule.hurry(this.#now))
      this.#actions.push({ type: 'overdue', worker: holder.id, round, block });
    this.#assign(this.#schedule.idle());
  }

  /** Hands out work while slots are idle, unless the run is paused. @param idle who may be handed what others hold, too */
  #assign(idle: readonly Member[] = []): void {
    const round = this.#round;
    if (round === null || this.#paused) return;
    for (const { standing } of this.#schedule.withdraw()) this.#standings.release(standing);
    this.#tellOf(round, this.#schedule.assign(this.#now));
    this.#tellOf(round, this.#schedule.double(idle, this.#now));
  }

  #tellOf(round: Round, leases: readonly Lease[]): void {
    for (const { holder, block } of leases) this.#actions.push({ type: 'assign', worker: holder.id, round, block });
  }

  #tellUnverifiable(): void {
    const was = this.#unverifiable;
    this.#unverifiable = this.#verify !== 'off' && this.#schedule.tally.checks.size > 0 && !this.#schedule.hasTrusted;
    if (this.#unverifiable && !was) this.#actions.push({ type: 'unverifiable' });
  }
}
