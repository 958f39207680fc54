/**
 * Workers that stall, in virtual time: what they hold is handed out again, whoever answers first counts, once, and a late
 * answer costs its sender nothing.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Action, type Block, Machine, type WorkerId } from '../../coordinator/machine/machine.ts';
import { runLength } from '../../core/allreduce/treeSum.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import { assigned, joined, planOf, result } from './machine/events.ts';

interface Held {
  readonly worker: WorkerId;
  readonly round: number;
  readonly block: Block;
  /** When it will be answered; infinite from a worker that has stalled for good. */
  readonly at: number;
}

let doubled = 0;
let late = 0;
let left = 0;

test('a run ends though workers stall, wake up late or leave', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.record({ slots: fc.integer({ min: 1, max: 3 }), stalls: fc.constantFrom(0, 0.1, 0.4) }), {
        maxLength: 4,
      }),
      fc.nat(),
      (microBatches, steps, unreliable, seed) => {
        const stream = new Stream(seed, Site.sample);
        let drawn = 0;
        const draw = () => stream.uniform(drawn++);
        const machine = new Machine(planOf({ steps, microBatches, evalEvery: 2 }));
        // The first worker always answers in the end; of the others, some answers take for ever.
        const workers = new Map([{ slots: 1, stalls: 0 }, ...unreliable].map((w, i) => [i + 1, w]));
        let nextWorker = workers.size + 1;
        let now = 0;
        let held: Held[] = [];
        let round = -1;
        let accepted: number[] = [];
        let finished = false;
        const take = (actions: readonly Action[]) => {
          for (const action of actions)
            switch (action.type) {
              case 'open':
                round = action.round.id;
                accepted = new Array<number>(action.round.microBatches).fill(0);
                break;
              case 'assign': {
                const { worker, block } = action;
                const current = held.filter((h) => h.round === action.round.id);
                const overlaps = current.some(
                  (h) => h.block.lo < block.lo + block.size && block.lo < h.block.lo + h.block.size,
                );
                if (overlaps) doubled++;
                const { slots, stalls } = workers.get(worker) ?? { slots: 0, stalls: 0 };
                expect(held.filter((h) => h.worker === worker).length).toBeLessThan(slots);
                const slow = draw() < stalls;
                const ever = draw() < 0.5;
                const awake = ever ? 1000 + draw() * 60_000 : Number.POSITIVE_INFINITY;
                const took = slow ? awake : (10 + draw() * 40) * block.size;
                held.push({ worker, round: action.round.id, block, at: now + took });
                break;
              }
              case 'accept': {
                const { lo, size } = action.block;
                for (let i = lo; i < lo + runLength(lo, size, accepted.length); i++) accepted[i]++;
                break;
              }
              case 'commit':
                expect(accepted).toEqual(accepted.map(() => 1));
                break;
              case 'finish':
                finished = true;
                break;
              case 'checkpoint':
                break;
              case 'expel':
                expect.fail(`worker ${action.worker} was expelled: ${action.reason}`);
            }
        };
        take(machine.handle({ type: 'start' }, now));
        for (const [worker, { slots }] of workers) take(machine.handle(joined(worker, slots), now));
        for (let events = 0; !finished; events++) {
          expect(events, 'the run does not end').toBeLessThan(20_000);
          now += 250;
          for (const h of held.filter((x) => x.at <= now)) {
            if (!held.includes(h)) continue;
            held.splice(held.indexOf(h), 1);
            const isLate = h.round !== round || accepted.slice(h.block.lo, h.block.lo + h.block.size).includes(1);
            if (isLate) late++;
            take(machine.handle(result(h.worker, h.round, h.block.lo, h.block.size), now));
          }
          if (draw() < 0.03 && workers.size > 1) {
            const gone = [...workers.keys()][1 + Math.floor(draw() * (workers.size - 1))] ?? 0;
            left++;
            workers.delete(gone);
            held = held.filter((h) => h.worker !== gone);
            take(machine.handle({ type: 'left', worker: gone }, now));
            const [worker, slots] = [nextWorker++, 1 + Math.floor(draw() * 3)];
            workers.set(worker, { slots, stalls: 0.3 });
            take(machine.handle(joined(worker, slots), now));
          }
          take(machine.handle({ type: 'tick' }, now));
        }
      },
    ),
    { numRuns: 1500 },
  );
  // The faults fired.
  expect(doubled).toBeGreaterThan(0);
  expect(late).toBeGreaterThan(0);
  expect(left).toBeGreaterThan(0);
});

test('what was handed out twice is handed out again when the second to take it leaves', () => {
  const machine = new Machine(planOf({ steps: 1, microBatches: 4, evalEvery: 2 }));
  machine.handle(joined(1, 1), 0);
  expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([[1, 0, 4]]);
  machine.handle(joined(2, 1), 0);
  expect(assigned(machine.handle({ type: 'tick' }, 100_000))).toEqual([[2, 0, 4]]);
  // The first is silent for good.
  machine.handle({ type: 'left', worker: 2 }, 100_001);
  expect(assigned(machine.handle(joined(3, 1), 100_002))).toEqual([[3, 0, 4]]);
});

test.each(['it answers late', 'it leaves'])(
  'of a lease that is half done by others, only the other half is done again: %s',
  (how) => {
    const machine = new Machine(planOf({ steps: 1, microBatches: 4, evalEvery: 2 }));
    machine.handle(joined(1, 1), 0);
    expect(assigned(machine.handle({ type: 'start' }, 0))).toEqual([[1, 0, 4]]);
    machine.handle(joined(2, 1), 0);
    machine.handle(joined(3, 1), 0);
    const halves = [
      [2, 0, 2],
      [3, 2, 2],
    ];
    expect(assigned(machine.handle({ type: 'tick' }, 100_000))).toEqual(halves);
    machine.handle(result(2, 0, 0, 2), 100_001);
    machine.handle({ type: 'left', worker: 2 }, 100_002);
    machine.handle({ type: 'left', worker: 3 }, 100_003);
    if (how === 'it leaves') {
      machine.handle({ type: 'left', worker: 1 }, 100_004);
      expect(assigned(machine.handle(joined(4, 1), 100_005))).toEqual([[4, 2, 2]]);
    } else {
      const late = machine.handle(result(1, 0, 0, 4), 100_004);
      expect(late.map((a) => a.type)).toEqual(['assign']);
      expect(assigned(late)).toEqual([[1, 2, 2]]);
    }
  },
);
