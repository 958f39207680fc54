/** Plays random schedules: faults, wishes of the operator, lies; until the run has ended. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { EvalSplit, Plan, Verify } from '../../../coordinator/machine/machine.ts';
import { Dice } from '../../../simulation/dice.ts';
import { fired, firedDoubts } from './fired.ts';
import { blockOf, type Lease, type Nature, type Person } from './people.ts';
import { World } from './world.ts';

export interface Play {
  readonly seed: number;
  /** Out of how many events one is a fault; 0 is never. */
  readonly calm: number;
  /** Whether workers come that are not trusted, and some that lie. */
  readonly strangers?: boolean;
  /** Whether time passes, and leases stall. */
  readonly inTime?: boolean;
  /** After how many events a person stops the run, or drains it; or when it first goes back. */
  readonly stopAt?: number | 'rollback';
  readonly drainAt?: number | 'rollback';
}

/** Short runs of rounds large and small; or longer ones of small rounds, in which a worker can make a name for itself. */
export function plansOf(verify: readonly Verify[], { long = false } = {}): fc.Arbitrary<Plan> {
  const small = fc.integer({ min: 1, max: 9 });
  const size = long ? small : fc.oneof(small, fc.integer({ min: 1, max: 40 }));
  return fc.record({
    startStep: fc.nat(4),
    steps: long ? fc.integer({ min: 10, max: 25 }) : fc.integer({ min: 1, max: 7 }),
    microBatches: size,
    evalMicroBatches: fc.record<Record<EvalSplit, number>>({ train: size, val: size }),
    evalEvery: fc.nat(3),
    checkpointEvery: fc.nat(3),
    diagnoseEvery: fc.nat(3),
    verify: fc.constantFrom(...verify),
  });
}

/** Plays one run. What it has done is what is promised, or the beginning of that if it is stopped or drained. */
export function play(plan: Plan, options: Play): World {
  const { seed, calm, strangers = false, inTime = false, stopAt, drainAt } = options;
  const dice = new Dice(seed, 'machine');
  const world = new World(plan, dice, {
    inTime,
    suspicion: dice.pick([2, 5, 30]),
    clumsiness: dice.pick([2, 8]),
  });
  const isTrustRare = dice.below(2) === 0;
  const join = () => (strangers ? joinAnybody(world, dice, isTrustRare) : world.join(slots(dice)));
  /** Leases that are not answered, until nothing else is left to be. */
  const stalled = new Set<Lease>();
  const before = strangers ? 1 + dice.below(5) : dice.below(3);
  for (let i = 0; i < before; i++) join();
  world.start();
  const limit = 20_000;
  for (let events = 0; !world.finished; events++) {
    if (events > limit) throw new Error(`no end after ${limit} events: ${world.log.at(-1)}`);
    const isNow = (at: number | 'rollback' | undefined) => at === (world.rollback === null ? events : 'rollback');
    // Faults stop after a while, so that every run ends; a run that goes back is quick about it, so they come fast.
    const one = world.rollback === null ? calm : 2;
    if (isNow(drainAt) && !world.draining) world.drain();
    else if (isNow(stopAt)) world.stop();
    else if (calm > 0 && events < 400 && dice.below(one) === 0) fault(world, dice, join);
    else if (world.rollback !== null && dice.below(3) === 0) world.restore();
    else if (inTime && dice.below(4) === 0) world.tick(dice.below(300));
    else {
      if (inTime) world.now += dice.below(50);
      const answerable = world.leases.filter((lease) => !stalled.has(lease));
      const lease = dice.oneOf(answerable);
      if (inTime && lease !== undefined && dice.below(12) === 0) stalled.add(lease);
      else if (lease !== undefined) answer(world, lease);
      else if (world.leases.length > 0) wake(world, dice, stalled);
      else goOn(world, dice, join);
    }
  }
  world.expectEnd();
  world.expectDead();
  return world;
}

function answer(world: World, lease: Lease): void {
  const person = world.people.get(lease.worker);
  const lied = world.answer(lease);
  if (lied && person?.nature === 'hitAndRun' && world.people.has(lease.worker)) world.leave(lease.worker);
}

/** With nothing left but leases that stall: time passes, and if that has nothing handed out again, one is answered. */
function wake(world: World, dice: Dice, stalled: Set<Lease>): void {
  const before = world.leases.length;
  if (!world.paused) world.tick(1e7);
  const lease = dice.oneOf(world.leases);
  if (world.finished || world.leases.length > before || lease === undefined) return;
  stalled.delete(lease);
  answer(world, lease);
}

/** Nothing is under way: the run is paused, or goes back, or waits for somebody. */
function goOn(world: World, dice: Dice, join: () => void): void {
  if (world.paused) {
    fired.idleWhilePaused++;
    world.resume();
  } else if (world.rollback !== null) world.restore();
  else if (world.awaitsTrusted) world.join(slots(dice));
  else {
    expect(world.people.size, 'workers are there and have nothing to do').toBe(0);
    join();
  }
}

const slots = (dice: Dice) => 1 + dice.below(dice.below(10) === 0 ? 40 : 4);

const NATURES: readonly Nature[] = [
  ...(['honest', 'honest', 'honest'] as const),
  ...(['sometimes', 'sometimes', 'turncoat', 'turncoat', 'always', 'hitAndRun'] as const),
];

/** A worker that is trusted, a stranger, or one with a name: a new one, or one that was here before. */
function joinAnybody(world: World, dice: Dice, isTrustRare: boolean): void {
  const nature = dice.pick(NATURES);
  const kind = isTrustRare && (world.plan.verify === 'off' || dice.below(8) > 0) ? 2 + dice.below(4) : dice.below(6);
  if (kind < 2) return world.join(slots(dice));
  if (kind === 2) return world.join(slots(dice), false, null, nature);
  const [identity, was] = dice.oneOf([...world.identities]) ?? ['', 'honest'];
  if (kind === 3 || identity === '') return world.join(slots(dice), false, `worker ${world.identities.size}`, nature);
  if (was !== 'honest') firedDoubts.liarsThatReturned++;
  world.join(slots(dice), false, identity, was);
}

/** A fault of some kind; none where there is nothing to go wrong. */
function fault(world: World, dice: Dice, join: () => void): void {
  const worker = dice.oneOf([...world.people.keys()]);
  const gone = dice.oneOf(world.past.filter((l) => !world.people.has(l.worker)));
  const kind = dice.below(6);
  if (kind >= 4) ask(world, dice);
  else if (kind === 0 && worker !== undefined) world.leave(worker);
  else if (kind === 1) misbehave(world, dice);
  else if (kind === 2 && gone !== undefined) {
    fired.answersAfterLeaving++;
    world.late(gone);
  } else if (world.people.size < 12) join();
}

/** A wrong answer of one kind or another; none where there is nothing to be wrong about. */
function misbehave(world: World, dice: Dice): void {
  const person: Person | undefined = dice.oneOf([...world.people.values()]);
  const { round } = world;
  if (person === undefined || round === null) return;
  const worker = person.id;
  const holds = (id: number, { lo, size }: Lease | { lo: number; size: number }) =>
    world.leases.some((l) => l.worker === worker && l.round === id && l.lo === lo && l.size === size);
  const kind = dice.below(3);
  if (kind === 0) {
    // A lease of its own or another's, answered once before: the round is over.
    const old = dice.oneOf(world.past.filter((l) => l.round !== round.id && !holds(l.round, l)));
    if (old === undefined) return;
    fired.staleRounds++;
    world.misbehave(worker, old.round, blockOf(old));
  } else if (kind === 1) {
    const others = dice.oneOf(world.leases.filter((l) => l.worker !== worker && !holds(l.round, l)));
    if (others === undefined) return;
    fired.strangersLeases++;
    world.misbehave(worker, others.round, blockOf(others));
  } else {
    const block = { lo: dice.below(round.microBatches + 3), size: 2 ** dice.below(6) };
    if (holds(round.id, block)) return;
    fired.inventedLeases++;
    world.misbehave(worker, round.id, block);
  }
}

/** Something that the operator asks for, or a worker says of itself. */
function ask(world: World, dice: Dice): void {
  const lease = dice.oneOf(world.past);
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
      return world.kick(dice.pick([...world.people.keys(), -1]));
    default:
      // Of a lease that is held, or was: neither changes who does what.
      if (lease !== undefined) world.progress(lease);
  }
}
