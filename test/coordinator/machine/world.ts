/** The world around a machine: workers, honest and lying; an operator; and what an adapter does. The judge looks on. */
import assert from 'node:assert/strict';
import { expect } from 'vitest';
import {
  type Action,
  type Block,
  type Event,
  Machine,
  type Plan,
  type WorkerId,
} from '../../../coordinator/machine/machine.ts';
import type { Dice } from '../../../simulation/dice.ts';
import { fired, firedDoubts, firedInTime } from './fired.ts';
import { Judge } from './judge.ts';
import { blockOf, keyOf, type Lease, type Nature, type Person } from './people.ts';
import { promised } from './promised.ts';
import { verdictOn } from './verdict.ts';

interface Circumstances {
  /** Whether time passes: then blocks may be handed out twice. */
  readonly inTime: boolean;
  /** Out of how many honest results one is suspect, and out of how many lies. */
  readonly suspicion: number;
  readonly clumsiness: number;
}

export class World extends Judge {
  now = 0;
  readonly #dice: Dice;
  readonly #machine: Machine;
  readonly #suspicion: number;
  readonly #clumsiness: number;
  /** The step at which the run began, or to which it went back last. */
  #base: number;
  /** What the machine's die showed. */
  #drawn: number | null = null;
  #nextWorker = 1;
  #nextLie = 1;

  constructor(plan: Plan, dice: Dice, { inTime, suspicion, clumsiness }: Circumstances) {
    super(plan, inTime);
    this.#dice = dice;
    this.#suspicion = suspicion;
    this.#clumsiness = clumsiness;
    this.#base = plan.startStep;
    this.#machine = new Machine(plan, () => {
      this.#drawn = dice.uniform();
      return this.#drawn;
    });
  }

  start(): void {
    this.#tell({ type: 'start' });
  }

  join(slots: number, trusted = true, identity: string | null = null, nature: Nature = 'honest'): void {
    fired.joins++;
    if (this.rollback !== null) firedDoubts.joinsInRollbacks++;
    const id = this.#nextWorker++;
    if (identity !== null) {
      if (this.identities.has(identity)) firedDoubts.identitiesThatReturned++;
      this.identities.set(identity, nature);
    }
    this.people.set(id, { id, slots, trusted, identity, nature, answers: 0 });
    this.#tell({ type: 'joined', worker: id, slots, local: id % 3 === 0, trusted, identity });
  }

  leave(worker: WorkerId): void {
    fired.leaves++;
    if (this.rollback !== null) firedDoubts.leavesInRollbacks++;
    if (this.leases.some((l) => l.worker === worker)) fired.leavesWithLeases++;
    this.forget(worker);
    if (this.people.size === 0) fired.nobodyLeft++;
    this.#tell({ type: 'left', worker });
  }

  /** An answer to a lease that is held: right, or as its worker lies. @returns whether it was a lie */
  answer(lease: Lease): boolean {
    const person = this.people.get(lease.worker);
    if (person === undefined) throw new Error('nobody is there to answer');
    if (this.leases[0] !== lease) fired.outOfOrder++;
    if (this.rollback !== null) firedDoubts.answersInRollbacks++;
    this.leases.splice(this.leases.indexOf(lease), 1);
    const isLie = this.#lies(person);
    const value = isLie ? this.#nextLie++ : 0;
    if (isLie) firedDoubts.lies++;
    const suspect = this.#dice.below(isLie ? this.#clumsiness : this.#suspicion) === 0;
    const held = lease.round === this.round?.id ? this.ledger.heldOf(lease) : null;
    const agrees = held === null || held === 'other' ? null : held.value === value;
    this.#drawn = null;
    const event = {
      type: 'result',
      worker: lease.worker,
      round: lease.round,
      block: blockOf(lease),
      suspect,
      agrees,
    } as const;
    const actions = this.#machine.handle(event, this.now);
    const verdict = verdictOn(this, { lease, person, value, suspect, drawn: this.#drawn });
    this.answered = { value, verdict };
    if (verdict.to === 'liar') this.condemn(verdict.liar, person);
    const said = actions.map((a) => a.type);
    const { to } = verdict;
    const what = `an answer of worker ${person.id} to ${lease.lo}+${lease.size}`;
    const isAccepted = to === 'accept' || (to === 'liar' && verdict.then === 'accept');
    assert.equal(said.includes('accept'), isAccepted, `${what} is accepted`);
    assert.equal(said.includes('doubt'), to === 'doubt', `${what} is doubted`);
    assert.equal(said.includes('rollback'), to === 'liar' && verdict.then === 'rollback', `${what} shows a liar`);
    if (to === 'late') firedInTime.late++;
    this.judge(actions, this.#machine.cleanStep);
    this.answered = null;
    if (verdict.to === 'liar' && verdict.then !== 'rollback') this.expectNothingOf(verdict.liar.key);
    return isLie;
  }

  /** A wrong answer from a worker that is present: it is to be expelled at once. */
  misbehave(worker: WorkerId, round: number, block: Block): void {
    this.expelled.set(worker, 'not-leased');
    this.#tell({ type: 'result', worker, round, block, suspect: false, agrees: null });
  }

  /** An answer from a worker that is gone, or after the end: nobody minds. */
  late({ worker, round, lo, size }: Lease): void {
    const event = { type: 'result', worker, round, block: { lo, size }, suspect: true, agrees: false } as const;
    expect(this.#machine.handle(event, this.now)).toEqual([]);
  }

  pause(): void {
    if (this.paused) fired.pausesAgain++;
    else fired.pauses++;
    if (this.rollback !== null) firedDoubts.pausesInRollbacks++;
    this.paused = true;
    const actions = this.#tell({ type: 'pause' });
    if (!this.draining || this.rollback !== null) expect(actions).toEqual([]);
    else expect(actions.map((a) => a.type)).toEqual(['finish']);
    // However late everything is, nothing is handed out.
    expect(this.#machine.handle({ type: 'tick' }, this.now)).toEqual([]);
  }

  resume(): void {
    const was = this.paused;
    if (was) fired.resumes++;
    else fired.resumesForNothing++;
    this.paused = false;
    const actions = this.#tell({ type: 'resume' });
    if (!was) expect(actions).toEqual([]);
  }

  checkpoint(): void {
    fired.checkpointsNow++;
    const actions = this.#machine.handle({ type: 'checkpoint' }, this.now);
    expect(actions).toEqual(this.rollback === null ? [{ type: 'checkpoint', step: this.ledger.step }] : []);
    if (this.rollback === null) this.checkpoints.push(this.ledger.step);
  }

  /** The operator sends a worker away, or one that is not there. */
  kick(worker: WorkerId): void {
    const there = this.people.has(worker);
    if (there) fired.kicks++;
    else fired.kicksOfNobody++;
    if (there) this.expelled.set(worker, 'operator');
    const actions = this.#tell({ type: 'kick', worker });
    if (!there) expect(actions).toEqual([]);
  }

  progress({ worker, round, lo, size }: Lease): void {
    fired.progress++;
    expect(this.#machine.handle({ type: 'progress', worker, round, block: { lo, size } }, this.now)).toEqual([]);
  }

  tick(ms: number): void {
    this.now += ms;
    this.#tell({ type: 'tick' });
  }

  /** Does what an adapter does that was asked to go back: restores a checkpoint that it has kept. */
  restore(): void {
    const asked = this.rollback;
    if (asked === null) throw new Error('there is nothing to go back to');
    const kept = this.checkpoints.filter((step) => step <= asked);
    expect(kept.length, `no checkpoint at or before step ${asked} was kept`).toBeGreaterThan(0);
    const step = this.#dice.below(3) > 0 ? Math.max(...kept) : Math.min(...kept);
    if (step < asked) firedDoubts.rollbacksToEarlier++;
    this.checkpoints = this.checkpoints.filter((s) => s <= step);
    expect(this.log).toEqual(this.#promised().slice(0, this.log.length));
    this.log = [];
    this.#base = step;
    this.ledger.undo(step);
    this.rollback = null;
    this.#tell({ type: 'restored', step });
  }

  drain(): void {
    fired.drains++;
    this.draining = true;
    const atOnce = this.rollback === null && (this.round === null || this.paused);
    if (atOnce) fired.drainsAtOnce++;
    else if (this.rollback !== null) firedDoubts.drainsInRollbacks++;
    else fired.drainsUnderWay++;
    const actions = this.#tell({ type: 'drain' });
    expect(actions.map((a) => a.type)).toEqual(atOnce ? ['finish'] : []);
  }

  stop(): void {
    fired.stops++;
    if (this.rollback !== null) firedDoubts.stopsInRollbacks++;
    const step = this.rollback ?? this.ledger.step;
    expect(this.#tell({ type: 'stop' })).toEqual([{ type: 'finish', step, complete: false }]);
  }

  /** Nothing is answered any more. */
  expectDead(): void {
    const worker = this.#nextWorker++;
    const events: Event[] = [
      { type: 'joined', worker, slots: 3, local: false, trusted: false, identity: null },
      { type: 'result', worker, round: 0, block: { lo: 0, size: 1 }, suspect: false, agrees: null },
      { type: 'left', worker },
      { type: 'pause' },
      { type: 'checkpoint' },
      { type: 'resume' },
      { type: 'kick', worker },
      { type: 'restored', step: 0 },
      { type: 'drain' },
      { type: 'stop' },
    ];
    for (const event of events) expect(this.#machine.handle(event, this.now)).toEqual([]);
  }

  /** The run has done all that is promised; or ended early, with the beginning of that, and says how far it got. */
  expectEnd(): void {
    const last = this.log.at(-1) ?? '';
    if (last.endsWith('complete')) return expect(this.log).toEqual(this.#promised());
    const done = this.log.slice(0, -1);
    expect(done).toEqual(this.#promised().slice(0, done.length));
    const commits = done.filter((line) => line.startsWith('commit train at')).length;
    expect(last).toBe(`finish ${this.rollback ?? this.#base + commits} stopped`);
  }

  /** What is promised from where the run began, or went back to. */
  #promised(): string[] {
    return promised({ ...this.plan, startStep: this.#base });
  }

  #lies(person: Person): boolean {
    person.answers++;
    switch (person.nature) {
      case 'honest':
        return false;
      case 'always':
        return true;
      case 'sometimes':
        return this.#dice.below(5) === 0;
      case 'turncoat':
        return this.plan.verify === 'off' ? person.answers > 3 : (this.ledger.validated.get(keyOf(person)) ?? 0) >= 10;
      case 'hitAndRun':
        return this.#dice.below(3) === 0;
      default:
        return person.nature satisfies never;
    }
  }

  #tell(event: Event): readonly Action[] {
    const actions = this.#machine.handle(event, this.now);
    this.judge(actions, this.#machine.cleanStep);
    return actions;
  }
}
