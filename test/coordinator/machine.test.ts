/**
 * The coordinator's logic under thousands of random schedules: workers join, answer, leave and break the rules at any moment,
 * and the operator pauses, resumes, saves, drains, stops and sends workers away. Each schedule is judged event by event against
 * what the machine promises (machine/world.ts); a failure prints the seed that replays it.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { Machine, type WorkerId } from '../../coordinator/machine/machine.ts';
import { assigned, joined, planOf, result } from './machine/events.ts';
import { fired } from './machine/fired.ts';
import { plansOf, play } from './machine/play.ts';
import { promised } from './machine/promised.ts';

const plans = plansOf(['off']);

describe('random schedules', () => {
  test('a run does what its plan promises, whatever happens to its workers', () => {
    fc.assert(
      fc.property(plans, fc.integer(), fc.constantFrom(0, 2, 3, 5, 20), (plan, seed, calm) => {
        expect(play(plan, { seed, calm }).log).toEqual(promised(plan));
      }),
      { numRuns: 1000 },
    );
  });

  test('stopped at any moment it ends at once, with what is committed', () => {
    fc.assert(
      fc.property(plans, fc.integer(), fc.nat(60), (plan, seed, stopAt) => {
        play(plan, { seed, calm: 5, stopAt });
      }),
      { numRuns: 1000 },
    );
  });

  test('drained at any moment it ends with the round under way', () => {
    fc.assert(
      fc.property(plans, fc.integer(), fc.nat(60), fc.constantFrom(2, 4), (plan, seed, drainAt, calm) => {
        play(plan, { seed, calm, drainAt });
      }),
      { numRuns: 1000 },
    );
  });

  afterAll(() => {
    for (const [fault, times] of Object.entries(fired)) expect(times, fault).toBeGreaterThan(30);
  });
});

describe('by hand', () => {
  const plan = planOf({ evalMicroBatches: { train: 40, val: 3 }, evalEvery: 2, checkpointEvery: 3 });

  test('evaluations and checkpoints come when promised', () => {
    expect(play(plan, { seed: 1, calm: 0 }).log.filter((line) => !line.startsWith('open'))).toEqual([
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
    expect(assigned(alone.handle(joined(1, 1), 0))).toEqual([[1, 0, 8]]);
    const shared = new Machine(plan);
    shared.handle(joined(1, 2), 0);
    shared.handle(joined(2, 2), 0);
    const first = assigned(shared.handle({ type: 'start' }, 0));
    expect(first.map(([worker]) => worker)).toEqual([1, 2, 1, 2]);
    expect(first.reduce((sum, [, , size]) => sum + size, 0)).toBe(8);
  });

  test('what an expelled worker held goes to another', () => {
    const machine = new Machine(plan);
    machine.handle({ type: 'start' }, 0);
    expect(assigned(machine.handle(joined(1, 1), 0))).toEqual([[1, 0, 8]]);
    expect(machine.handle(joined(2, 1), 0)).toEqual([]);
    const actions = machine.handle(result(1, 0, 0, 4), 0);
    expect(actions[0]).toMatchObject({ type: 'expel', worker: 1 });
    expect(assigned(actions)).toEqual([[2, 0, 8]]);
    // What it sends after that is not looked at.
    expect(machine.handle(result(1, 0, 0, 8), 0)).toEqual([]);
  });

  test('paused, a run takes what is under way, opens the next round and hands out nothing of it', () => {
    const machine = new Machine(plan);
    machine.handle(joined(1, 1), 0);
    expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([[1, 0, 8]]);
    expect(machine.handle({ type: 'pause' }, 0)).toEqual([]);
    const last = machine.handle(result(1, 0, 0, 8), 1);
    expect(last.map((a) => a.type)).toEqual(['accept', 'commit', 'open']);
    expect(machine.handle(joined(2, 1), 2)).toEqual([]);
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
      machine.handle(result(worker, round, lo, size), now);
    machine.handle(joined(1, 1), 0);
    machine.handle(joined(2, 1), 0);
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

  test('what a worker held that is sent away waits until the run goes on', () => {
    const machine = new Machine(plan);
    machine.handle(joined(1, 1), 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle(joined(2, 1), 0);
    machine.handle({ type: 'pause' }, 0);
    expect(machine.handle({ type: 'kick', worker: 1 }, 0).map((a) => a.type)).toEqual(['expel']);
    expect(assigned(machine.handle({ type: 'resume' }, 0))).toEqual([[2, 0, 8]]);
  });

  test('a stalled lease is not handed out again while the run is paused', () => {
    const machine = new Machine(plan);
    machine.handle(joined(1, 1), 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle(joined(2, 1), 0);
    machine.handle({ type: 'pause' }, 0);
    expect(machine.handle({ type: 'tick' }, 1e6)).toEqual([]);
    expect(machine.handle({ type: 'resume' }, 1e6)).toEqual([]);
    expect(machine.handle({ type: 'tick' }, 1e6).map((a) => a.type)).toEqual(['overdue', 'assign']);
  });

  test('progress restarts the patience with a lease, so often as it has micro-batches', () => {
    const machine = new Machine(plan);
    machine.handle(joined(1, 1), 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle(joined(2, 1), 0);
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
    expect(play({ ...plan, startStep: 4 }, { seed: 1, calm: 0 }).log).toEqual([
      'open train loss at 4',
      'commit train loss at 4',
      'open val at 4',
      'commit val at 4',
      'finish 4 complete',
    ]);
  });
});
