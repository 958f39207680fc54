/**
 * How large leases are, how long they may be kept and when they are handed out twice: the measured paces and the lookups that
 * are kept as they go, beside plain formulations of the same; and a machine by hand, in virtual time.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Lease, Member } from '../../coordinator/machine/leases.ts';
import { type Action, Machine } from '../../coordinator/machine/machine.ts';
import { leaseSize, longest, Pace, patience } from '../../coordinator/machine/pace.ts';
import { Stragglers } from '../../coordinator/machine/stragglers.ts';
import { assigned, joined, planOf, result } from './machine/events.ts';

const times = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0.01, max: 1e4, noNaN: true })), {
  minLength: 1,
  maxLength: 60,
});
const medianOf = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

test('a pace is the median of the last fifteen answers, and their median distance from it', () => {
  fc.assert(
    fc.property(times, (all) => {
      const pace = new Pace();
      for (const ms of all) pace.remember(ms);
      const last = all.slice(-15);
      const median = medianOf(last);
      expect(pace.median).toBe(median);
      expect(pace.deviation).toBe(medianOf(last.map((ms) => Math.abs(ms - median))));
    }),
  );
});

test('patience grows with the median, with how irregular a worker is, and with the lease', () => {
  const paceOf = (...ms: number[]) => {
    const pace = new Pace();
    for (const each of ms) pace.remember(each);
    return pace;
  };
  const regular = paceOf(100, 100, 100, 100, 100);
  expect(patience(regular, 8, null)).toBe(8 * 200);
  const irregular = paceOf(60, 80, 100, 120, 140);
  expect(patience(irregular, 8, null)).toBe(8 * (100 + 10 * 20));
  // A timer that is late is no news.
  expect(patience(paceOf(1), 1, null)).toBe(500);
  // Of a newcomer, what the slowest of the others would be given, four times; where nobody is known, a minute.
  expect(patience(new Pace(), 2, longest(irregular))).toBe(2 * 4 * 300);
  expect(patience(new Pace(), 2, null)).toBe(60_000);
});

test('who deserves nearly the next size of a lease gets it over a network, and not on this machine', () => {
  expect([1, 3, 12, 13, 16, 25, 26].map((share) => leaseSize(share, false))).toEqual([1, 2, 8, 8, 16, 16, 16]);
  expect([1, 3, 12, 13, 16, 25, 26].map((share) => leaseSize(share, true))).toEqual([1, 2, 8, 16, 16, 16, 32]);
  // Less than one is one, and what rounding takes off is put back.
  expect([leaseSize(0.1, true), leaseSize(0.1, false), leaseSize(4 - 1e-12, false)]).toEqual([1, 1, 4]);
});

test('the lease to take over is the one that a search of all would find', () => {
  const step = fc.record({
    holder: fc.nat(3),
    size: fc.constantFrom(1, 2, 8),
    expected: fc.integer({ min: 0, max: 400 }),
    wait: fc.nat(60),
    /** Which of those that are out is answered next; and how fast whoever looks then is. */
    answered: fc.nat(5),
    median: fc.integer({ min: 1, max: 20 }),
  });
  let found = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const stragglers = new Stragglers();
      const out: Lease[] = [];
      let now = 0;
      for (const { holder, size, expected, wait, answered, median } of steps) {
        const lease = {
          holder: { id: holder } as Member,
          block: { lo: 0, size },
          since: now,
          due: now + expected,
          expected: true,
        };
        out.push(lease as Lease);
        stragglers.add(lease as Lease);
        now += wait;
        const [gone] = answered < out.length ? out.splice(answered, 1) : [];
        if (gone !== undefined) gone.expected = false;
        const me = holder ^ 1;
        const endOf = (l: Lease) => (now > l.due ? 2 * now - l.since : l.due);
        const worth = out.filter((l) => l.holder.id !== me && endOf(l) - now > 2 * median * l.block.size);
        const last = Math.max(...worth.map(endOf));
        const best = stragglers.find(median, now, (l) => l.holder.id !== me);
        if (worth.length > 0) found++;
        expect(best === undefined ? Number.NEGATIVE_INFINITY : endOf(best)).toBe(last);
        if (best !== undefined) expect(worth).toContain(best);
      }
    }),
    { numRuns: 500 },
  );
  expect(found).toBeGreaterThan(100);
});

describe('by hand', () => {
  const plan = planOf();
  const overdue = (actions: readonly Action[]) => actions.flatMap((a) => (a.type === 'overdue' ? [a.worker] : []));

  test('a worker that was regular is overdue after twice its usual time; its lease goes to whoever is idle', () => {
    const machine = new Machine(plan);
    machine.handle(joined(1, 1), 0);
    machine.handle({ type: 'start' }, 0);
    // 100 ms a micro-batch, three steps long.
    for (let round = 0; round < 3; round++) machine.handle(result(1, round, 0, 8), 800 * (round + 1));
    expect(assigned(machine.handle(joined(2, 1), 2400))).toEqual([]);
    expect(machine.handle({ type: 'tick' }, 2400 + 1599)).toEqual([]);
    const actions = machine.handle({ type: 'tick' }, 2400 + 1600);
    expect(overdue(actions)).toEqual([1]);
    // Nothing is known of the second: it is tried with one micro-batch, and then with what is left.
    expect(assigned(actions)).toEqual([[2, 0, 1]]);
    expect(overdue(machine.handle({ type: 'tick' }, 1e6))).toEqual([]);
  });

  test('a newcomer is overdue when the slowest of the others would long have been', () => {
    const machine = new Machine({ ...plan, microBatches: 2 });
    machine.handle(joined(1, 1), 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle(result(1, 0, 0, 2), 600);
    machine.handle(joined(2, 1), 600);
    expect(assigned(machine.handle(result(1, 1, 0, 2), 1200))).toEqual([
      [2, 0, 1],
      [1, 1, 1],
    ]);
    machine.handle(joined(3, 1), 1200);
    // The first has needed 300 ms a micro-batch: it is given twice as long, the newcomer eight times.
    expect(overdue(machine.handle({ type: 'tick' }, 1200 + 599))).toEqual([]);
    expect(overdue(machine.handle({ type: 'tick' }, 1200 + 600))).toEqual([1]);
    expect(overdue(machine.handle({ type: 'tick' }, 1200 + 2399))).toEqual([]);
    expect(overdue(machine.handle({ type: 'tick' }, 1200 + 2400))).toEqual([2]);
  });

  test('evaluations have paces of their own', () => {
    const machine = new Machine({ ...plan, evalMicroBatches: { train: 1, val: 8 }, evalEvery: 1 });
    machine.handle(joined(1, 1), 0);
    machine.handle({ type: 'start' }, 0);
    machine.handle(result(1, 0, 0, 8), 80);
    // The evaluation takes a hundred times as long as the step, and nobody is overdue for that.
    expect(overdue(machine.handle({ type: 'tick' }, 8000))).toEqual([]);
    machine.handle(result(1, 1, 0, 8), 8080);
    // Of the next step, the first one's time tells.
    expect(overdue(machine.handle({ type: 'tick' }, 8080 + 499))).toEqual([]);
    expect(overdue(machine.handle({ type: 'tick' }, 8080 + 500))).toEqual([1]);
  });
});
