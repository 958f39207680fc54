/**
 * The judge of what a machine does, action by action. It keeps its own account of who is there and holds what, and of what has
 * been accepted (ledger.ts), and looks at nothing of the machine's.
 */
import assert from 'node:assert/strict';
import { expect } from 'vitest';
import type { Action, Block, Plan, Round, WorkerId } from '../../../coordinator/machine/machine.ts';
import { isAligned } from '../../../core/allreduce/treeSum.ts';
import { fired, firedDoubts, firedInTime } from './fired.ts';
import { type Held, Ledger } from './ledger.ts';
import { keyOf, type Lease, type Person } from './people.ts';
import { microBatchesOf, nameOf } from './promised.ts';
import { hasTrusted, mayCheck, type Verdict } from './verdict.ts';

export class Judge {
  /** Since the start, or since the run went back for the last time. */
  log: string[] = [];
  readonly plan: Plan;
  readonly people = new Map<WorkerId, Person>();
  leases: Lease[] = [];
  /** Every lease there ever was, for late and lying answers. */
  readonly past: Lease[] = [];
  /** Those who have been here under a name. */
  readonly identities = new Map<string, Person['nature']>();
  readonly ledger: Ledger;
  round: Round | null = null;
  finished = false;
  paused = false;
  draining = false;
  /** The step that the run was asked to go back to. */
  rollback: number | null = null;
  /** Whether time passes: then blocks may be handed out twice. */
  protected readonly inTime: boolean;
  /** The steps of the checkpoints that an adapter would have kept. */
  protected checkpoints: number[];
  /** Who is to be sent away by the actions that are judged, and why. */
  protected readonly expelled = new Map<WorkerId, string>();
  /** What the answer says that is judged, and what it is to lead to. */
  protected answered: { readonly value: number; readonly verdict: Verdict } | null = null;
  #lost = new Set<number>();
  #lastRound = -1;
  #unverifiable = false;

  constructor(plan: Plan, inTime: boolean) {
    this.plan = plan;
    this.inTime = inTime;
    this.checkpoints = [plan.startStep];
    this.ledger = new Ledger(plan.startStep);
  }

  /** Whether a result waits for a trusted worker to come. */
  get awaitsTrusted(): boolean {
    return this.#unverifiable;
  }

  /** Expects a liar to be named, and all who go by its name to be sent away. */
  protected condemn(liar: Held, checker: Person): void {
    firedDoubts.liars++;
    if (!this.people.has(liar.worker)) firedDoubts.liarsThatHadLeft++;
    this.ledger.validated.set(liar.key, 0);
    this.expelled.set(liar.worker, 'lied');
    for (const p of this.people.values()) if (!p.trusted && keyOf(p) === liar.key) this.expelled.set(p.id, 'lied');
    expect(this.expelled.has(checker.id)).toBe(false);
  }

  protected expectNothingOf(key: string): void {
    if (this.plan.verify !== 'off')
      expect(this.ledger.firstUnchecked(key), `a step with unchecked work of ${key}, which lied`).toBeNull();
    expect(this.ledger.isInRound(key), `unchecked work of ${key}, which lied, in the round`).toBe(false);
  }

  protected forget(worker: WorkerId): void {
    this.people.delete(worker);
    for (const lease of this.leases)
      if (lease.worker === worker && lease.round === this.round?.id)
        for (const i of this.ledger.within(lease)) this.#lost.add(i);
    this.leases = this.leases.filter((l) => l.worker !== worker);
  }

  protected judge(actions: readonly Action[], cleanStep: number): void {
    for (const action of actions) this.#judgeOne(action);
    assert.equal(this.expelled.size, 0, 'somebody was not sent away');
    if (this.finished) return;
    this.#withdraw();
    const waits = this.plan.verify !== 'off' && this.ledger.held.size > 0 && !hasTrusted(this);
    const told = actions.some((a) => a.type === 'unverifiable');
    assert.equal(told, waits && !this.#unverifiable, 'told that a result waits for a trusted worker');
    this.#unverifiable = waits;
    this.#judgeCleanStep(cleanStep);
    if (this.round !== null && !this.paused) this.#judgeIdle();
  }

  #judgeCleanStep(cleanStep: number): void {
    const present = [...this.people.values()].filter((p) => !p.trusted).map(keyOf);
    const held = [...this.ledger.held.values()].map((h) => h.key);
    const suspects = this.plan.verify === 'off' ? [] : [...present, ...held, ...this.identities.keys()];
    const clean = this.ledger.cleanStep(new Set(suspects), this.rollback ?? this.ledger.step);
    assert.equal(cleanStep, clean, 'cleanStep');
    // An adapter keeps the last two checkpoints, and the last from before anything unchecked.
    const safe = Math.max(...this.checkpoints.filter((step) => step <= clean));
    this.checkpoints = this.checkpoints.filter((step, i, all) => step === safe || i >= all.length - 2);
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
      if (!free.some((p) => mayCheck(this, p, held.asked))) continue;
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
      const anybody = [...this.people.values()].some((p) => mayCheck(this, p, held.asked));
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
        if (person === undefined || this.answered === null) throw new Error('nobody answered');
        const there = this.ledger.heldOf(block);
        const before = there === null || there === 'other' ? [] : there.asked;
        const key = keyOf(person);
        const { value } = this.answered;
        if (this.#overlaps(block)) firedInTime.doubtsOfDoubled++;
        this.ledger.held.set(block.lo, { ...block, value, worker, key, asked: new Set([...before, key]) });
        return;
      }
      case 'commit':
        expect(action.round).toBe(this.round);
        expect(this.ledger.times({ lo: 0, size: action.round.microBatches })).toEqual({ least: 1, most: 1 });
        if (!this.inTime)
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
        const verdict = this.answered?.verdict;
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
        this.checkpoints.push(action.step);
        return;
      case 'finish':
        this.finished = true;
        this.log.push(`finish ${action.step} ${action.complete ? 'complete' : 'stopped'}`);
        return;
      case 'overdue':
        if (!this.inTime) throw new Error(`a lease of worker ${action.worker} is overdue though no time has passed`);
        firedInTime.overdue++;
        return;
      case 'unverifiable':
        firedDoubts.unverifiable++;
        return;
      case 'release':
        throw new Error(`worker ${action.worker} was let go though it did not want to leave`);
      case 'expel':
        expect(action.cause, `worker ${action.worker} was expelled: ${action.reason}`).toBe(
          this.expelled.get(action.worker),
        );
        this.expelled.delete(action.worker);
        this.forget(action.worker);
        return;
      default:
        action satisfies never;
    }
  }

  #judgeOpen(round: Round): void {
    expect(round.id).toBeGreaterThan(this.#lastRound);
    expect(round.microBatches).toBe(microBatchesOf(round, this.plan));
    const verdict = this.answered?.verdict;
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
      expect(person !== undefined && mayCheck(this, person, held.asked), 'handed to one who may not check').toBe(true);
      if (this.#isBeingChecked(held)) {
        expect(this.inTime, 'checked twice').toBe(true);
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
        expect(this.inTime, 'handed out twice').toBe(true);
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
    if (person === undefined || this.answered === null) throw new Error('nobody answered');
    const { value } = this.answered;
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
