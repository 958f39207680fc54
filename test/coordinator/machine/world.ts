/**
 * The world around a machine (workers, honest and lying; an operator; what an adapter does) and the judge of what the machine
 * does in it, event by event.
 */
import assert from 'node:assert/strict';
import { expect } from 'vitest';
import {
  type Action,
  type Block,
  type Event,
  Machine,
  type Plan,
  type Round,
  type WorkerId,
} from '../../../coordinator/machine.ts';
import { isAligned } from '../../../core/allreduce/treeSum.ts';
import type { Dice } from './dice.ts';
import { fired, firedDoubts, firedInTime } from './fired.ts';
import { type Held, Ledger } from './ledger.ts';
import { microBatchesOf, nameOf, promised } from './promised.ts';

/** When a worker lies: never, each time, now and then, once it is proven, or once and then it is gone. */
export type Nature = 'honest' | 'always' | 'sometimes' | 'turncoat' | 'hitAndRun';

export interface Person {
  readonly id: WorkerId;
  readonly slots: number;
  readonly trusted: boolean;
  readonly identity: string | null;
  readonly nature: Nature;
  answers: number;
}

export interface Lease extends Block {
  readonly worker: WorkerId;
  readonly round: number;
  /** It was handed out to check what was held. */
  readonly check: boolean;
}

/** What an answer must lead to. */
type Verdict =
  | { readonly to: 'accept' | 'doubt' | 'late' }
  /** The worker whose result was held has lied; what follows from that. */
  | { readonly to: 'liar'; readonly liar: Held; readonly then: 'accept' | 'restart' | 'rollback' };

export const blockOf = ({ lo, size }: Block): Block => ({ lo, size });
/** By what the machine knows a worker again that is not trusted. */
const keyOf = ({ id, identity }: Person): string => identity ?? `#${id}`;

interface Circumstances {
  /** Whether time passes: then blocks may be handed out twice. */
  readonly inTime: boolean;
  /** Out of how many honest results one is suspect, and out of how many lies. */
  readonly suspicion: number;
  readonly clumsiness: number;
}

export class World {
  /** Since the start, or since the run went back for the last time. */
  log: string[] = [];
  readonly people = new Map<WorkerId, Person>();
  leases: Lease[] = [];
  /** Every lease there ever was, for late and lying answers. */
  readonly past: Lease[] = [];
  /** Identities that have been here. */
  readonly identities = new Map<string, Nature>();
  readonly ledger: Ledger;
  round: Round | null = null;
  finished = false;
  paused = false;
  draining = false;
  /** The step that the run was asked to go back to. */
  rollback: number | null = null;
  now = 0;
  readonly plan: Plan;
  readonly #dice: Dice;
  readonly #machine: Machine;
  readonly #inTime: boolean;
  readonly #suspicion: number;
  readonly #clumsiness: number;
  #base: number;
  #drawn: number | null = null;
  #checkpoints: number[];
  #lost = new Set<number>();
  #lastRound = -1;
  #nextWorker = 1;
  #nextLie = 1;
  #unverifiable = false;
  /** Who is to be sent away by the actions that are judged, and why. */
  #expelled = new Map<WorkerId, string>();
  /** What the answer that is judged says, and is to lead to. */
  #answer: { readonly value: number; readonly verdict: Verdict } | null = null;

  constructor(plan: Plan, dice: Dice, { inTime, suspicion, clumsiness }: Circumstances) {
    this.plan = plan;
    this.#dice = dice;
    this.#inTime = inTime;
    this.#suspicion = suspicion;
    this.#clumsiness = clumsiness;
    this.#base = plan.startStep;
    this.#checkpoints = [plan.startStep];
    this.ledger = new Ledger(plan.startStep);
    this.#machine = new Machine(plan, () => {
      this.#drawn = dice.fraction();
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
    this.#tell({ type: 'joined', worker: id, slots, trusted, identity });
  }

  leave(worker: WorkerId): void {
    fired.leaves++;
    if (this.rollback !== null) firedDoubts.leavesInRollbacks++;
    if (this.leases.some((l) => l.worker === worker)) fired.leavesWithLeases++;
    this.#forget(worker);
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
    const verdict = this.#verdict(lease, person, value, suspect);
    this.#answer = { value, verdict };
    if (verdict.to === 'liar') this.#condemn(verdict.liar, person);
    const said = actions.map((a) => a.type);
    const { to } = verdict;
    const what = `an answer of worker ${person.id} to ${lease.lo}+${lease.size}`;
    const isAccepted = to === 'accept' || (to === 'liar' && verdict.then === 'accept');
    assert.equal(said.includes('accept'), isAccepted, `${what} is accepted`);
    assert.equal(said.includes('doubt'), to === 'doubt', `${what} is doubted`);
    assert.equal(said.includes('rollback'), to === 'liar' && verdict.then === 'rollback', `${what} shows a liar`);
    if (to === 'late') firedInTime.late++;
    this.#judge(actions);
    this.#answer = null;
    if (verdict.to === 'liar' && verdict.then !== 'rollback') this.#expectNothingOf(verdict.liar.key);
    return isLie;
  }

  /** A wrong answer from a worker that is present: it is to be expelled at once. */
  misbehave(worker: WorkerId, round: number, block: Block): void {
    this.#expelled.set(worker, 'misbehaved');
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
    if (this.rollback === null) this.#checkpoints.push(this.ledger.step);
  }

  /** The operator sends a worker away, or one that is not there. */
  kick(worker: WorkerId): void {
    const there = this.people.has(worker);
    if (there) fired.kicks++;
    else fired.kicksOfNobody++;
    if (there) this.#expelled.set(worker, 'operator');
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
    const kept = this.#checkpoints.filter((step) => step <= asked);
    expect(kept.length, `no checkpoint at or before step ${asked} was kept`).toBeGreaterThan(0);
    const step = this.#dice.below(3) > 0 ? Math.max(...kept) : Math.min(...kept);
    if (step < asked) firedDoubts.rollbacksToEarlier++;
    this.#checkpoints = this.#checkpoints.filter((s) => s <= step);
    this.#expectPromised();
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
      { type: 'joined', worker, slots: 3, trusted: false, identity: null },
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

  get hasTrusted(): boolean {
    return [...this.people.values()].some((p) => p.trusted);
  }

  /** Whether a result waits for a trusted worker to come. */
  get awaitsTrusted(): boolean {
    return this.#unverifiable;
  }

  /** The log so far is the beginning of what is promised from where the run began, or went back to. */
  #expectPromised(): void {
    const all = promised({ ...this.plan, startStep: this.#base });
    expect(this.log).toEqual(all.slice(0, this.log.length));
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

  /** Whether a worker may answer what those of `asked` have answered. */
  #mayCheck(person: Person, asked: ReadonlySet<string>): boolean {
    if (person.trusted) return true;
    return this.plan.verify === 'off' && !asked.has(keyOf(person)) && !this.hasTrusted;
  }

  #verdict(lease: Lease, person: Person, value: number, suspect: boolean): Verdict {
    if (lease.round !== this.round?.id || this.ledger.times(lease).most > 0) return { to: 'late' };
    const key = keyOf(person);
    const held = this.ledger.heldOf(lease);
    if (held === null) return { to: this.#isDoubted(person, key, suspect) ? 'doubt' : 'accept' };
    const asked = held !== 'other' && lease.check && !held.asked.has(key);
    if (held === 'other' || !(asked || this.#mayCheck(person, held.asked))) return { to: 'late' };
    if (held.value === value) {
      firedDoubts.agreed++;
      this.ledger.validated.set(held.key, (this.ledger.validated.get(held.key) ?? 0) + 1);
      return { to: 'accept' };
    }
    if (!person.trusted && suspect) {
      const third = [...this.people.values()].some((p) => this.#mayCheck(p, new Set([...held.asked, key])));
      if (third) firedDoubts.secondOpinions++;
      return { to: third ? 'doubt' : 'accept' };
    }
    if (held.asked.size > 1) firedDoubts.thirdOpinions++;
    if (held.value === 0) {
      expect(person.trusted, 'an honest worker was condemned by a trusted one').toBe(false);
      firedDoubts.honestCondemnedByStrangers++;
    }
    const committed = this.ledger.firstUnchecked(held.key) !== null;
    const then = committed ? 'rollback' : this.ledger.isInRound(held.key) ? 'restart' : 'accept';
    return { to: 'liar', liar: held, then };
  }

  /** Whether the first result of a block is to be doubted. */
  #isDoubted(person: Person, key: string, suspect: boolean): boolean {
    if (person.trusted) return false;
    if (suspect) {
      const anybody = [...this.people.values()].some((p) => p.trusted || keyOf(p) !== key);
      if (this.plan.verify === 'off' && !anybody) firedDoubts.suspectsWithNobodyToAsk++;
      else firedDoubts.suspects++;
      return this.plan.verify !== 'off' || anybody;
    }
    if (this.plan.verify !== 'adaptive') return this.plan.verify === 'all';
    const validated = this.ledger.validated.get(key) ?? 0;
    const sampled = validated < 10 || (this.#drawn ?? 1) < 1 / validated;
    if (validated >= 10) expect(this.#drawn, 'no die was cast').not.toBeNull();
    if (sampled) firedDoubts.sampled++;
    return sampled;
  }

  /** Expects a liar to be named, and all who go by its name to be sent away. */
  #condemn(liar: Held, checker: Person): void {
    firedDoubts.liars++;
    if (!this.people.has(liar.worker)) firedDoubts.liarsThatHadLeft++;
    this.ledger.validated.set(liar.key, 0);
    this.#expelled.set(liar.worker, 'lied');
    for (const p of this.people.values()) if (!p.trusted && keyOf(p) === liar.key) this.#expelled.set(p.id, 'lied');
    expect(this.#expelled.has(checker.id)).toBe(false);
  }

  #expectNothingOf(key: string): void {
    expect(this.ledger.firstUnchecked(key), `a step with unchecked work of ${key}, which lied`).toBeNull();
    expect(this.ledger.isInRound(key), `unchecked work of ${key}, which lied, in the round`).toBe(false);
  }

  #forget(worker: WorkerId): void {
    this.people.delete(worker);
    for (const lease of this.leases)
      if (lease.worker === worker && lease.round === this.round?.id)
        for (const i of this.ledger.within(lease)) this.#lost.add(i);
    this.leases = this.leases.filter((l) => l.worker !== worker);
  }

  #tell(event: Event): readonly Action[] {
    const actions = this.#machine.handle(event, this.now);
    this.#judge(actions);
    return actions;
  }

  #judge(actions: readonly Action[]): void {
    for (const action of actions) this.#judgeOne(action);
    assert.equal(this.#expelled.size, 0, 'somebody was not sent away');
    if (this.finished) return;
    this.#withdraw();
    const waits = this.plan.verify !== 'off' && this.ledger.held.size > 0 && !this.hasTrusted;
    const told = actions.some((a) => a.type === 'unverifiable');
    assert.equal(told, waits && !this.#unverifiable, 'told that a result waits for a trusted worker');
    this.#unverifiable = waits;
    this.#judgeCleanStep();
    if (this.round !== null && !this.paused) this.#judgeIdle();
  }

  #judgeCleanStep(): void {
    const present = [...this.people.values()].filter((p) => !p.trusted).map(keyOf);
    const held = [...this.ledger.held.values()].map((h) => h.key);
    const clean = this.ledger.cleanStep(
      new Set([...present, ...held, ...this.identities.keys()]),
      this.rollback ?? this.ledger.step,
    );
    assert.equal(this.#machine.cleanStep, clean, 'cleanStep');
    // An adapter keeps the last two checkpoints, and the last from before anything unchecked.
    const safe = Math.max(...this.#checkpoints.filter((step) => step <= clean));
    this.#checkpoints = this.#checkpoints.filter((step, i, all) => step === safe || i >= all.length - 2);
  }

  /** Nobody idles while there is work that it may do. */
  #judgeIdle(): void {
    const free = [...this.people.values()].filter((p) => this.leases.filter((l) => l.worker === p.id).length < p.slots);
    if (free.length === 0) return;
    const out = this.#leased();
    assert.deepEqual(
      this.ledger.missing().filter((i) => !out.has(i)),
      [],
      'somebody is idle though this is to be done',
    );
    for (const held of this.ledger.held.values()) {
      if (!free.some((p) => this.#mayCheck(p, held.asked))) continue;
      assert(this.#isBeingChecked(held), `nobody checks what is held of ${held.lo}+${held.size}`);
    }
  }

  #isBeingChecked(held: Held): boolean {
    return this.leases.some((l) => l.round === this.round?.id && l.lo === held.lo && l.size === held.size && l.check);
  }

  /** Forgets what is held that nobody can check: it is computed anew. */
  #withdraw(): void {
    if (this.plan.verify !== 'off' || this.paused) return;
    for (const held of [...this.ledger.held.values()]) {
      const anybody = [...this.people.values()].some((p) => this.#mayCheck(p, held.asked));
      if (anybody || this.#isBeingChecked(held)) continue;
      firedDoubts.withdrawn++;
      this.ledger.held.delete(held.lo);
    }
  }

  #judgeOne(action: Action): void {
    assert(!this.finished, `an action after the end: ${action.type}`);
    assert(this.rollback === null || ['finish', 'expel'].includes(action.type), `${action.type} during a rollback`);
    switch (action.type) {
      case 'open':
        return this.#judgeOpen(action.round);
      case 'assign':
        return this.#judgeAssign(action.worker, action.round, action.block);
      case 'accept':
        return this.#judgeAccept(action.worker, action.round, action.block);
      case 'doubt': {
        const { worker, round, block } = action;
        assert.equal(round, this.round);
        const person = this.people.get(worker);
        if (person === undefined || this.#answer === null) throw new Error('nobody answered');
        const there = this.ledger.heldOf(block);
        const before = there === null || there === 'other' ? [] : there.asked;
        const key = keyOf(person);
        const { value } = this.#answer;
        if (this.#overlaps(block)) firedInTime.doubtsOfDoubled++;
        this.ledger.held.set(block.lo, { ...block, value, worker, key, asked: new Set([...before, key]) });
        return;
      }
      case 'commit':
        expect(action.round).toBe(this.round);
        expect(this.ledger.times({ lo: 0, size: action.round.microBatches })).toEqual({ least: 1, most: 1 });
        if (!this.#inTime)
          expect(
            this.leases.filter((l) => l.round === action.round.id),
            'leases of a round that is over',
          ).toEqual([]);
        this.ledger.commit(action.round);
        this.round = null;
        if (this.paused) fired.commitsWhilePaused++;
        this.log.push(`commit ${nameOf(action.round)}`);
        return;
      case 'rollback': {
        const verdict = this.#answer?.verdict;
        if (verdict?.to !== 'liar') throw new Error('a rollback though nobody lied');
        expect(action.step).toBe(this.ledger.firstUnchecked(verdict.liar.key));
        firedDoubts.rollbacks++;
        this.rollback = action.step;
        this.round = null;
        this.ledger.drop();
        return;
      }
      case 'checkpoint':
        this.log.push(`checkpoint ${action.step}`);
        this.#checkpoints.push(action.step);
        return;
      case 'finish':
        this.finished = true;
        this.log.push(`finish ${action.step} ${action.complete ? 'complete' : 'stopped'}`);
        return;
      case 'overdue':
        if (!this.#inTime) throw new Error(`a lease of worker ${action.worker} is overdue though no time has passed`);
        firedInTime.overdue++;
        return;
      case 'unverifiable':
        firedDoubts.unverifiable++;
        return;
      case 'expel':
        expect(action.cause, `worker ${action.worker} was expelled: ${action.reason}`).toBe(
          this.#expelled.get(action.worker),
        );
        this.#expelled.delete(action.worker);
        this.#forget(action.worker);
        return;
      case 'release':
        throw new Error(`worker ${action.worker} was let go though it did not want to leave`);
      default:
        action satisfies never;
    }
  }

  #judgeOpen(round: Round): void {
    expect(round.id).toBeGreaterThan(this.#lastRound);
    expect(round.microBatches).toBe(microBatchesOf(round, this.plan));
    const verdict = this.#answer?.verdict;
    if (verdict?.to === 'liar' && verdict.then === 'restart' && this.round !== null) {
      firedDoubts.restarts++;
      expect(nameOf(round)).toBe(nameOf(this.round));
    } else {
      expect(this.round, 'a round opened within a round').toBeNull();
      expect(this.draining, 'a round opened while draining').toBe(false);
      this.log.push(`open ${nameOf(round)}`);
    }
    this.#lastRound = round.id;
    this.round = round;
    this.ledger.open(round);
    this.#lost = new Set();
  }

  #judgeAssign(worker: WorkerId, round: Round, block: Block): void {
    assert(!this.paused, 'a lease was handed out while paused');
    assert.equal(round, this.round);
    assert(isAligned(block.lo, block.size, round.microBatches), 'an unaligned lease');
    assert(round.mode !== 'eval' || block.size <= 16, 'a lease that is too long');
    const person = this.people.get(worker);
    const mine = this.leases.filter((l) => l.worker === worker).length;
    assert(mine < (person?.slots ?? 0), 'a lease beyond the slots, or to a worker that is gone');
    this.#withdraw();
    const held = this.ledger.heldOf(block);
    if (held === 'other') expect.fail(`${block.lo}+${block.size} was handed out, of which a part is held in doubt`);
    if (held !== null) {
      expect(person !== undefined && this.#mayCheck(person, held.asked), 'handed to one who may not check').toBe(true);
      if (this.#isBeingChecked(held)) {
        expect(this.#inTime, 'checked twice').toBe(true);
        firedInTime.checksDoubled++;
      }
    } else {
      const out = this.#leased();
      const missing = new Set(this.ledger.missing());
      const within = this.ledger.within(block);
      assert(
        within.every((i) => missing.has(i)),
        'handed out though accepted',
      );
      if (within.some((i) => out.has(i))) {
        expect(this.#inTime, 'handed out twice').toBe(true);
        firedInTime.doubled++;
      }
      for (const i of within) if (this.#lost.delete(i)) fired.reassigned++;
      if (block.size < round.microBatches && block.size < 16) fired.halved++;
    }
    const lease = { ...block, worker, round: round.id, check: held !== null };
    this.leases.push(lease);
    this.past.push(lease);
  }

  #judgeAccept(worker: WorkerId, round: Round, block: Block): void {
    assert.equal(round, this.round);
    const person = this.people.get(worker);
    if (person === undefined || this.#answer === null) throw new Error('nobody answered');
    const { value } = this.#answer;
    if (this.plan.verify === 'all') expect(person.trusted, 'unchecked work was accepted').toBe(true);
    if (value !== 0) firedDoubts.liesAccepted++;
    this.ledger.accept(block, person.trusted ? null : keyOf(person), value);
  }

  /** Micro-batches of the round that are out on leases. */
  #leased(): Set<number> {
    const leases = this.leases.filter((l) => l.round === this.round?.id);
    return new Set(leases.flatMap((l) => this.ledger.within(l)));
  }

  /** Whether anything of a block is out on a lease. */
  #overlaps(block: Block): boolean {
    const out = this.#leased();
    return this.ledger.within(block).some((i) => out.has(i));
  }
}
