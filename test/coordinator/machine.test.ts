/**
 * The coordinator's logic under thousands of random schedules: workers join, answer, leave and lie at any moment, and the
 * operator pauses, resumes, saves and sends workers away. Each schedule is judged event by event against what the machine promises; a failure prints the seed that replays it.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type Action,
  type Block,
  type EvalSplit,
  type Event,
  Machine,
  type Plan,
  type Round,
  type WorkerId,
} from '../../coordinator/machine.ts';
import { isAligned, runLength } from '../../core/allreduce/treeSum.ts';

/** How often each fault happened over all schedules: a test of faults that do not happen shows nothing. */
const fired = {
  joins: 0,
  leaves: 0,
  leavesWithLeases: 0,
  nobodyLeft: 0,
  staleRounds: 0,
  strangersLeases: 0,
  inventedLeases: 0,
  answersAfterLeaving: 0,
  stops: 0,
  reassigned: 0,
  halved: 0,
  outOfOrder: 0,
  pauses: 0,
  pausesAgain: 0,
  commitsWhilePaused: 0,
  idleWhilePaused: 0,
  resumes: 0,
  resumesForNothing: 0,
  checkpointsNow: 0,
  kicks: 0,
  kicksOfNobody: 0,
  progress: 0,
};

/** What the machine is to do in a whole run, in order. */
function promised({ startStep, steps, evalEvery, checkpointEvery, diagnoseEvery }: Plan): string[] {
  const log: string[] = [];
  const round = (name: string) => log.push(`open ${name}`, `commit ${name}`);
  for (let step = startStep; step < steps; step++) {
    const made = step + 1;
    if (diagnoseEvery > 0 && made % diagnoseEvery === 0) round(`look at ${step}`);
    round(`train at ${step}`);
    if (made === steps || (checkpointEvery > 0 && made % checkpointEvery === 0)) log.push(`checkpoint ${made}`);
    if (made !== steps && evalEvery > 0 && made % evalEvery === 0) round(`val at ${made}`);
  }
  const end = Math.max(startStep, steps);
  round(`train loss at ${end}`);
  round(`val at ${end}`);
  log.push(`finish ${end} complete`);
  return log;
}

function nameOf(round: Round): string {
  switch (round.mode) {
    case 'train':
      return `train at ${round.step}`;
    case 'eval':
      return `${round.split === 'train' ? 'train loss' : 'val'} at ${round.step}`;
    case 'diagnose':
      return `look at ${round.step}`;
    default:
      return round satisfies never;
  }
}

function microBatchesOf(round: Round, plan: Plan): number {
  switch (round.mode) {
    case 'train':
      return plan.microBatches;
    case 'eval':
      return plan.evalMicroBatches[round.split];
    case 'diagnose':
      return 1;
    default:
      return round satisfies never;
  }
}

interface Held extends Block {
  readonly worker: WorkerId;
  readonly round: number;
}

/** The world around a machine, and the judge of what it does. */
class World {
  readonly log: string[] = [];
  readonly workers = new Map<WorkerId, number>();
  leases: Held[] = [];
  /** Every lease there ever was, for late and lying answers. */
  readonly past: Held[] = [];
  round: Round | null = null;
  finished = false;
  paused = false;
  readonly #machine: Machine;
  readonly #plan: Plan;
  #accepted: number[] = [];
  #lost = new Set<number>();
  #lastRound = -1;
  #nextWorker = 1;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#machine = new Machine(plan);
  }

  start(): void {
    this.#judge(this.#machine.handle({ type: 'start' }, 0));
  }

  join(slots: number): void {
    fired.joins++;
    const worker = this.#nextWorker++;
    this.workers.set(worker, slots);
    this.#judge(this.#machine.handle({ type: 'joined', worker, slots }, 0));
  }

  leave(worker: WorkerId): void {
    fired.leaves++;
    if (this.leases.some((l) => l.worker === worker)) fired.leavesWithLeases++;
    this.#forget(worker);
    if (this.workers.size === 0) fired.nobodyLeft++;
    this.#judge(this.#machine.handle({ type: 'left', worker }, 0));
  }

  /** A right answer: to a lease that is held. */
  answer(lease: Held): void {
    const { round } = this;
    if (this.leases[0] !== lease) fired.outOfOrder++;
    this.leases.splice(this.leases.indexOf(lease), 1);
    const actions = this.#machine.handle(resultOf(lease), 0);
    expect(actions[0]).toEqual({ type: 'accept', worker: lease.worker, round, block: blockOf(lease) });
    this.#judge(actions);
  }

  /** A wrong answer from a worker that is present: it is to be expelled at once. */
  lie(worker: WorkerId, round: number, block: Block): void {
    this.#forget(worker);
    const actions = this.#machine.handle({ type: 'result', worker, round, block }, 0);
    expect(actions[0]).toMatchObject({ type: 'expel', worker });
    this.#judge(actions.slice(1));
  }

  /** An answer from a worker that is gone, or after the end: nobody minds. */
  late(lease: Held): void {
    expect(this.#machine.handle(resultOf(lease), 0)).toEqual([]);
  }

  pause(): void {
    if (this.paused) fired.pausesAgain++;
    else fired.pauses++;
    this.paused = true;
    expect(this.#machine.handle({ type: 'pause' }, 0)).toEqual([]);
    // However late everything is, nothing is handed out.
    expect(this.#machine.handle({ type: 'tick' }, 0)).toEqual([]);
  }

  resume(): void {
    const was = this.paused;
    if (was) fired.resumes++;
    else fired.resumesForNothing++;
    this.paused = false;
    const actions = this.#machine.handle({ type: 'resume' }, 0);
    if (!was) expect(actions).toEqual([]);
    this.#judge(actions);
  }

  checkpoint(): void {
    fired.checkpointsNow++;
    const step = this.#plan.startStep + this.log.filter((line) => line.startsWith('commit train at')).length;
    expect(this.#machine.handle({ type: 'checkpoint' }, 0)).toEqual([{ type: 'checkpoint', step }]);
  }

  /** The operator sends a worker away, or one that is not there. */
  kick(worker: WorkerId): void {
    const there = this.workers.has(worker);
    if (there) fired.kicks++;
    else fired.kicksOfNobody++;
    this.#forget(worker);
    const actions = this.#machine.handle({ type: 'kick', worker }, 0);
    if (there)
      expect(actions[0]).toMatchObject({
        type: 'expel',
        worker,
        cause: 'operator',
        reason: 'the operator sent it away',
      });
    else expect(actions).toEqual([]);
    this.#judge(actions.slice(1));
  }

  progress({ worker, round, lo, size }: Held): void {
    fired.progress++;
    expect(this.#machine.handle({ type: 'progress', worker, round, block: { lo, size } }, 0)).toEqual([]);
  }

  stop(): void {
    fired.stops++;
    this.round = null;
    const actions = this.#machine.handle({ type: 'stop' }, 0);
    expect(actions).toEqual([{ type: 'finish', step: expect.any(Number), complete: false }]);
    this.#judge(actions);
  }

  /** Nothing is answered any more. */
  expectDead(): void {
    const worker = this.#nextWorker++;
    const events: Event[] = [
      { type: 'joined', worker, slots: 3 },
      { type: 'result', worker, round: 0, block: { lo: 0, size: 1 } },
      { type: 'left', worker },
      { type: 'pause' },
      { type: 'checkpoint' },
      { type: 'resume' },
      { type: 'kick', worker },
      { type: 'stop' },
    ];
    for (const event of events) expect(this.#machine.handle(event, 0)).toEqual([]);
  }

  #forget(worker: WorkerId): void {
    this.workers.delete(worker);
    for (const { lo, size } of this.leases.filter((l) => l.worker === worker))
      for (let i = lo; i < lo + size; i++) this.#lost.add(i);
    this.leases = this.leases.filter((l) => l.worker !== worker);
  }

  #judge(actions: readonly Action[]): void {
    for (const action of actions) this.#judgeOne(action);
    if (this.round === null || this.paused) return;
    // Nobody idles while there is work: with a free slot, each micro-batch that is missing is out on a lease.
    const slots = [...this.workers.values()].reduce((a, b) => a + b, 0);
    if (slots > this.leases.length) expect(this.#unheld(this.round)).toEqual([]);
  }

  #judgeOne(action: Action): void {
    expect(this.finished, `an action after the end: ${action.type}`).toBe(false);
    switch (action.type) {
      case 'open': {
        const { round } = action;
        expect(this.round, 'a round opened within a round').toBeNull();
        expect(round.id).toBeGreaterThan(this.#lastRound);
        expect(round.microBatches).toBe(microBatchesOf(round, this.#plan));
        this.#lastRound = round.id;
        this.round = round;
        this.#accepted = new Array<number>(round.microBatches).fill(0);
        this.#lost = new Set();
        this.log.push(`open ${nameOf(round)}`);
        break;
      }
      case 'assign': {
        const { worker, round, block } = action;
        expect(this.paused, 'a lease was handed out while paused').toBe(false);
        expect(round).toBe(this.round);
        expect(isAligned(block.lo, block.size, round.microBatches)).toBe(true);
        if (round.mode === 'eval') expect(block.size).toBeLessThanOrEqual(16);
        const held = this.leases.filter((l) => l.worker === worker).length;
        expect(held, 'a lease beyond the slots, or to a worker that is gone').toBeLessThan(
          this.workers.get(worker) ?? 0,
        );
        const free = this.#unheld(round);
        const last = block.lo + runLength(block.lo, block.size, round.microBatches);
        for (let i = block.lo; i < last; i++) {
          if (!free.includes(i)) expect.fail(`micro-batch ${i} was handed out twice`);
          if (this.#lost.delete(i)) fired.reassigned++;
        }
        if (block.size < round.microBatches && block.size < 16) fired.halved++;
        const lease = { ...block, worker, round: round.id };
        this.leases.push(lease);
        this.past.push(lease);
        break;
      }
      case 'accept': {
        const { round, block } = action;
        expect(round).toBe(this.round);
        const last = block.lo + runLength(block.lo, block.size, round.microBatches);
        for (let i = block.lo; i < last; i++) this.#accepted[i]++;
        break;
      }
      case 'commit':
        expect(action.round).toBe(this.round);
        expect(this.#accepted).toEqual(this.#accepted.map(() => 1));
        expect(this.leases, 'leases of a round that is over').toEqual([]);
        this.round = null;
        if (this.paused) fired.commitsWhilePaused++;
        this.log.push(`commit ${nameOf(action.round)}`);
        break;
      case 'checkpoint':
        this.log.push(`checkpoint ${action.step}`);
        break;
      case 'finish':
        expect(this.round).toBeNull();
        this.finished = true;
        this.log.push(`finish ${action.step} ${action.complete ? 'complete' : 'stopped'}`);
        break;
      case 'overdue':
        throw new Error(`a lease of worker ${action.worker} is overdue though no time has passed`);
      case 'release':
        throw new Error(`worker ${action.worker} was let go though it did not want to leave`);
      case 'expel':
        throw new Error(`worker ${action.worker} was expelled for nothing: ${action.reason}`);
      default:
        action satisfies never;
    }
  }

  /** Micro-batches that are neither accepted nor out on a lease. */
  #unheld(round: Round): number[] {
    const out = new Set<number>();
    for (const { lo, size } of this.leases) for (let i = lo; i < lo + size; i++) out.add(i);
    return Array.from({ length: round.microBatches }, (_, i) => i).filter(
      (i) => this.#accepted[i] === 0 && !out.has(i),
    );
  }
}

const blockOf = ({ lo, size }: Block): Block => ({ lo, size });
const resultOf = (lease: Held): Event => ({
  type: 'result',
  worker: lease.worker,
  round: lease.round,
  block: blockOf(lease),
});

/** Draws that depend on a seed alone (mulberry32). */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)];
  }
}

/** A wrong answer of one kind or another; none where there is nothing to be wrong about. */
function lie(world: World, dice: Dice): void {
  const worker = dice.pick([...world.workers.keys()]);
  const { round } = world;
  if (worker === undefined || round === null) return;
  const kind = dice.below(3);
  if (kind === 0) {
    // A lease of its own or another's, answered once before: the round is over.
    const old = dice.pick(world.past.filter((l) => l.round !== round.id));
    if (old === undefined) return;
    fired.staleRounds++;
    world.lie(worker, old.round, blockOf(old));
  } else if (kind === 1) {
    const others = dice.pick(world.leases.filter((l) => l.worker !== worker));
    if (others === undefined) return;
    fired.strangersLeases++;
    world.lie(worker, round.id, blockOf(others));
  } else {
    const size = 2 ** dice.below(6);
    const block = { lo: dice.below(round.microBatches + 3), size };
    if (world.leases.some((l) => l.worker === worker && l.lo === block.lo && l.size === size)) return;
    fired.inventedLeases++;
    world.lie(worker, round.id, block);
  }
}

/** Something that the operator asks for, or a worker says of itself. */
function ask(world: World, dice: Dice): void {
  const lease = dice.pick(world.past);
  switch (dice.below(7)) {
    case 0:
    case 1:
      return world.pause();
    case 2:
    case 3:
      return world.resume();
    case 4:
      return world.checkpoint();
    case 5:
      return world.kick(dice.pick([...world.workers.keys(), -1]) ?? -1);
    default:
      // Of a lease that is held, or was: neither changes who does what.
      if (lease !== undefined) world.progress(lease);
  }
}

/** Plays one run: `calm` is out of how many events one is a fault; 0 is never. */
function play(plan: Plan, seed: number, calm: number, stopAt: number | null): World {
  const dice = new Dice(seed);
  const world = new World(plan);
  const before = dice.below(3);
  for (let i = 0; i < before; i++) world.join(1 + dice.below(4));
  world.start();
  const limit = 20_000;
  for (let events = 0; !world.finished; events++) {
    if (events > limit) throw new Error(`no end after ${limit} events: ${world.log.at(-1)}`);
    if (events === stopAt) {
      world.stop();
      break;
    }
    // Faults stop after a while, so that every run ends.
    const fault = calm > 0 && events < 400 && dice.below(calm) === 0;
    const leases = world.leases;
    const lease = dice.pick(leases);
    if (fault) {
      const worker = dice.pick([...world.workers.keys()]);
      const gone = dice.pick(world.past.filter((l) => !world.workers.has(l.worker)));
      const kind = dice.below(6);
      if (kind >= 4) ask(world, dice);
      else if (kind === 0 && worker !== undefined) world.leave(worker);
      else if (kind === 1) lie(world, dice);
      else if (kind === 2 && gone !== undefined) {
        fired.answersAfterLeaving++;
        world.late(gone);
      } else if (world.workers.size < 12) world.join(1 + dice.below(dice.below(10) === 0 ? 40 : 4));
    } else if (lease !== undefined) world.answer(lease);
    else if (world.paused) {
      fired.idleWhilePaused++;
      world.resume();
    } else {
      expect(world.workers.size, 'workers are there and have nothing to do').toBe(0);
      world.join(1 + dice.below(4));
    }
  }
  world.expectDead();
  return world;
}

const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 }));
const plans: fc.Arbitrary<Plan> = fc.record({
  startStep: fc.nat(4),
  steps: fc.integer({ min: 1, max: 7 }),
  microBatches: size,
  evalMicroBatches: fc.record<Record<EvalSplit, number>>({ train: size, val: size }),
  evalEvery: fc.nat(3),
  checkpointEvery: fc.nat(3),
  diagnoseEvery: fc.nat(3),
});

describe('random schedules', () => {
  test('a run does what its plan promises, whatever happens to its workers', () => {
    fc.assert(
      fc.property(plans, fc.integer(), fc.constantFrom(0, 2, 3, 5, 20), (plan, seed, calm) => {
        expect(play(plan, seed, calm, null).log).toEqual(promised(plan));
      }),
      { numRuns: 2000 },
    );
  });

  test('stopped at any moment it ends at once, with what is committed', () => {
    fc.assert(
      fc.property(plans, fc.integer(), fc.nat(60), (plan, seed, stopAt) => {
        const { log } = play(plan, seed, 5, stopAt);
        const last = log.at(-1) ?? '';
        if (last.endsWith('complete')) {
          expect(log).toEqual(promised(plan));
          return;
        }
        const done = log.slice(0, -1);
        expect(done).toEqual(promised(plan).slice(0, done.length));
        const commits = done.filter((line) => line.startsWith('commit train at')).length;
        expect(last).toBe(`finish ${plan.startStep + commits} stopped`);
      }),
      { numRuns: 1000 },
    );
  });

  afterAll(() => {
    for (const [fault, times] of Object.entries(fired)) expect(times, fault).toBeGreaterThan(100);
  });
});

describe('by hand', () => {
  const plan: Plan = {
    startStep: 0,
    steps: 4,
    microBatches: 8,
    evalMicroBatches: { train: 40, val: 3 },
    evalEvery: 2,
    checkpointEvery: 3,
    diagnoseEvery: 0,
  };
  const assigned = (actions: readonly Action[]) =>
    actions.flatMap((a) => (a.type === 'assign' ? [[a.worker, a.block.lo, a.block.size]] : []));

  test('evaluations and checkpoints come when promised', () => {
    expect(play(plan, 1, 0, null).log.filter((line) => !line.startsWith('open'))).toEqual([
      'commit train at 0',
      'commit train at 1',
      'commit val at 2',
      'commit train at 2',
      'checkpoint 3',
      'commit train at 3',
      'checkpoint 4',
      'commit train loss at 4',
      'commit val at 4',
      'finish 4 complete',
    ]);
  });

  test('one worker of one slot gets the whole step as one lease; several share it', () => {
    const alone = new Machine(plan);
    alone.handle({ type: 'start' }, 0);
    expect(assigned(alone.handle({ type: 'joined', worker: 1, slots: 1 }, 0))).toEqual([[1, 0, 8]]);
    const shared = new Machine(plan);
    shared.handle({ type: 'joined', worker: 1, slots: 2 }, 0);
    shared.handle({ type: 'joined', worker: 2, slots: 2 }, 0);
    const first = assigned(shared.handle({ type: 'start' }, 0));
    expect(first.map(([worker]) => worker)).toEqual([1, 2, 1, 2]);
    expect(first.reduce((sum, [, , size]) => sum + size, 0)).toBe(8);
  });

  test('what an expelled worker held goes to another', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'start' }, 0);
    expect(assigned(machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0))).toEqual([[1, 0, 8]]);
    expect(machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0)).toEqual([]);
    const actions = machine.handle({ type: 'result', worker: 1, round: 0, block: { lo: 0, size: 4 } }, 0);
    expect(actions[0]).toMatchObject({ type: 'expel', worker: 1 });
    expect(assigned(actions)).toEqual([[2, 0, 8]]);
    // What it sends after that is not looked at.
    expect(machine.handle({ type: 'result', worker: 1, round: 0, block: { lo: 0, size: 8 } }, 0)).toEqual([]);
  });

  test('paused, a run takes what is under way, opens the next round and hands out nothing of it', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([[1, 0, 8]]);
    expect(machine.handle({ type: 'pause' }, 0)).toEqual([]);
    const last = machine.handle({ type: 'result', worker: 1, round: 0, block: { lo: 0, size: 8 } }, 1);
    expect(last.map((a) => a.type)).toEqual(['accept', 'commit', 'open']);
    expect(machine.handle({ type: 'joined', worker: 2, slots: 1 }, 2)).toEqual([]);
    expect(machine.handle({ type: 'checkpoint' }, 2)).toEqual([{ type: 'checkpoint', step: 1 }]);
    expect(machine.handle({ type: 'tick' }, 1e9)).toEqual([]);
    // Of the second, nothing is known yet: it is tried with one micro-batch.
    expect(assigned(machine.handle({ type: 'resume' }, 1e9))).toEqual([
      [1, 0, 4],
      [2, 4, 1],
    ]);
  });

  test('leases are as large as their worker is fast; what a slow one holds, an idle fast one is handed too', () => {
    const machine = new Machine({ ...plan, microBatches: 16 });
    const answer = (worker: number, round: number, lo: number, size: number, now: number) =>
      machine.handle({ type: 'result', worker, round, block: { lo, size } }, now);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0);
    expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([
      [1, 0, 8],
      [2, 8, 8],
    ]);
    expect(assigned(answer(1, 0, 0, 8, 8))).toEqual([]);
    // The first needs 1 ms a micro-batch, the second 40: of sixteen, the second's share is one.
    let now = 320;
    let next = assigned(answer(2, 0, 8, 8, now));
    expect(next).toEqual([
      [1, 0, 8],
      [2, 8, 1],
    ]);
    const given: number[][] = [];
    for (let lease = next[0]; lease !== undefined; lease = next[0]) {
      const [, lo = 0, size = 0] = lease;
      given.push([lo, size]);
      now += size;
      const actions = answer(1, 1, lo, size, now);
      next = assigned(actions);
      if (actions.some((a) => a.type === 'commit')) break;
    }
    // The first has done all: the second's, too, which would have taken it 25 ms more.
    expect(given.reduce((sum, [, size = 0]) => sum + size, 0)).toBe(16);
    expect(given.at(-1)).toEqual([8, 1]);
    expect(now).toBe(336);
    // The second's answer is late, and costs it nothing.
    expect(answer(2, 1, 8, 1, 360).map((a) => a.type)).not.toContain('expel');
  });

  test('a lease that was never sent comes back: its slot is free, and its time counts for the worker`s pace', () => {
    const machine = new Machine(plan);
    const returned = (round: number, lo: number, size: number, now: number) =>
      machine.handle({ type: 'returned', worker: 1, round, block: { lo, size } }, now);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0);
    expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([
      [1, 0, 4],
      [2, 4, 4],
    ]);
    machine.handle({ type: 'result', worker: 2, round: 0, block: { lo: 4, size: 4 } }, 4);
    // Overdue: the second does the first one's part as well, and the next round with nobody else.
    expect(machine.handle({ type: 'tick' }, 70_000).map((a) => a.type)).toEqual(['overdue', 'assign']);
    const next = machine.handle({ type: 'result', worker: 2, round: 0, block: { lo: 0, size: 4 } }, 70_004);
    expect(assigned(next)).toEqual([[2, 0, 8]]);
    expect(returned(0, 0, 4, 80_000)).toEqual([]);
    // It holds that no more, nor anything else.
    expect(returned(0, 0, 4, 80_000)).toEqual([]);
    const after = machine.handle({ type: 'result', worker: 2, round: 1, block: { lo: 0, size: 8 } }, 80_004);
    // Twenty seconds a micro-batch are what is known of it.
    expect(assigned(after)).toEqual([
      [1, 0, 1],
      [2, 1, 1],
    ]);
  });

  test('a lease that comes back while its round goes on is handed to another', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([[1, 0, 8]]);
    machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0);
    const actions = machine.handle({ type: 'returned', worker: 1, round: 0, block: { lo: 0, size: 8 } }, 10);
    expect(assigned(actions).reduce((sum, [, , size]) => sum + size, 0)).toBeGreaterThan(0);
    expect(actions.map((a) => a.type)).not.toContain('expel');
  });

  test('what a worker held that is sent away waits until the run goes on', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0);
    machine.handle({ type: 'pause' }, 0);
    expect(machine.handle({ type: 'kick', worker: 1 }, 0).map((a) => a.type)).toEqual(['expel']);
    expect(assigned(machine.handle({ type: 'resume' }, 0))).toEqual([[2, 0, 8]]);
  });

  test('a stalled lease is not handed out again while the run is paused', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0);
    machine.handle({ type: 'pause' }, 0);
    expect(machine.handle({ type: 'tick' }, 1e6)).toEqual([]);
    expect(machine.handle({ type: 'resume' }, 1e6)).toEqual([]);
    expect(machine.handle({ type: 'tick' }, 1e6).map((a) => a.type)).toEqual(['overdue', 'assign']);
  });

  test('progress restarts the patience with a lease, so often as it has micro-batches', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'joined', worker: 1, slots: 1 }, 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle({ type: 'joined', worker: 2, slots: 1 }, 0);
    const progress = (worker: WorkerId, now: number) =>
      expect(machine.handle({ type: 'progress', worker, round: 0, block: { lo: 0, size: 8 } }, now)).toEqual([]);
    const overdue = (now: number) => machine.handle({ type: 'tick' }, now).some((a) => a.type === 'overdue');
    for (let i = 1; i <= 8; i++) {
      progress(1, 50_000 * i);
      expect(overdue(50_000 * i + 59_999)).toBe(false);
    }
    // Of another's lease, or more often than there are micro-batches: it does not count.
    progress(2, 440_000);
    progress(1, 440_000);
    expect(overdue(459_999)).toBe(false);
    expect(overdue(460_000)).toBe(true);
  });

  test('a run that is resumed after its last step is evaluated and ends', () => {
    expect(play({ ...plan, startStep: 4 }, 1, 0, null).log).toEqual([
      'open train loss at 4',
      'commit train loss at 4',
      'open val at 4',
      'commit val at 4',
      'finish 4 complete',
    ]);
  });
});
