/**
 * Workers that want to leave: each is handed nothing more, is let go once it has answered what it holds, and leaves nothing for
 * others to do again.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Action, type Block, Machine, type WorkerId } from '../../coordinator/machine/machine.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import { joined, planOf, result, types } from './machine/events.ts';

test('it answers what it holds, gets nothing more, and is let go', () => {
  const machine = new Machine(planOf({ steps: 2, microBatches: 8, evalEvery: 2 }));
  machine.handle(joined(1, 2), 0);
  const [a, b] = machine.handle({ type: 'start' }, 0).flatMap((x) => (x.type === 'assign' ? [x.block] : []));
  if (a === undefined || b === undefined) throw new Error('two leases were expected');
  expect(machine.handle({ type: 'retire', worker: 1 }, 0)).toEqual([]);
  expect(types(machine.handle(result(1, 0, a.lo, a.size), 1))).toEqual(['accept']);
  const last = machine.handle(result(1, 0, b.lo, b.size), 2);
  expect(types(last)).toEqual(['accept', 'commit', 'open', 'release']);
  // Its leaving comes to nothing now; whoever joins takes the whole next round.
  expect(machine.handle({ type: 'left', worker: 1 }, 3)).toEqual([]);
  expect(types(machine.handle(joined(2, 1), 4))).toEqual(['assign']);
});

test('with nothing in hand it is let go at once, before the start and while paused too', () => {
  const machine = new Machine(planOf({ steps: 1, microBatches: 2, evalEvery: 2 }));
  machine.handle(joined(1, 1), 0);
  expect(machine.handle({ type: 'retire', worker: 1 }, 0)).toEqual([{ type: 'release', worker: 1 }]);
  machine.handle({ type: 'pause' }, 0);
  machine.handle({ type: 'start' }, 0);
  machine.handle(joined(2, 1), 0);
  expect(machine.handle({ type: 'retire', worker: 2 }, 0)).toEqual([{ type: 'release', worker: 2 }]);
});

test('one that leaves without an answer gives its leases back', () => {
  const machine = new Machine(planOf({ steps: 1, microBatches: 4, evalEvery: 2 }));
  machine.handle(joined(1, 1), 0);
  machine.handle({ type: 'start' }, 0);
  machine.handle({ type: 'retire', worker: 1 }, 0);
  machine.handle({ type: 'left', worker: 1 }, 1);
  const again = machine.handle(joined(2, 1), 2);
  expect(again).toMatchObject([{ type: 'assign', worker: 2, block: { lo: 0, size: 4 } }]);
});

test('one whose lease has been handed to another is not waited for', () => {
  const machine = new Machine(planOf({ steps: 5, microBatches: 2, evalEvery: 2 }));
  machine.handle(joined(1, 1), 0);
  machine.handle({ type: 'start' }, 0);
  machine.handle(joined(2, 1), 0);
  expect(types(machine.handle({ type: 'tick' }, 100_000))).toEqual(['overdue', 'assign']);
  // Another computes it already.
  expect(machine.handle({ type: 'retire', worker: 1 }, 100_001)).toEqual([{ type: 'release', worker: 1 }]);
  const done = machine.handle(result(2, 0, 0, 2), 100_002);
  expect(types(done)).toContain('commit');
});

let retired = 0;
let withLeases = 0;

test('any number may want to leave at any time: no micro-batch is handed out twice, and the run ends', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(),
      (microBatches, steps, seed) => {
        const stream = new Stream(seed, Site.sample);
        const machine = new Machine(planOf({ steps, microBatches, evalEvery: 2 }));
        let rolled = 0;
        const draw = (below: number) => stream.integerBelow(rolled++, below);
        const there = new Set<WorkerId>();
        const retiring = new Set<WorkerId>();
        let held: { worker: WorkerId; round: number; block: Block }[] = [];
        let out: boolean[] = [];
        let next = 1;
        let finished = false;
        const take = (actions: readonly Action[]) => {
          for (const action of actions) {
            if (action.type === 'open') out = new Array<boolean>(action.round.microBatches).fill(false);
            if (action.type === 'finish') finished = true;
            if (action.type === 'assign') {
              const { worker, round, block } = action;
              expect(retiring.has(worker), 'a lease for one that wants to leave').toBe(false);
              for (let i = block.lo; i < Math.min(out.length, block.lo + block.size); i++) {
                expect(out[i], `micro-batch ${i} was handed out twice`).toBe(false);
                out[i] = true;
              }
              held.push({ worker, round: round.id, block });
            }
            if (action.type === 'release') {
              expect(retiring.delete(action.worker)).toBe(true);
              expect(held.some((h) => h.worker === action.worker)).toBe(false);
              there.delete(action.worker);
            }
            expect(action.type).not.toBe('expel');
          }
        };
        const join = () => {
          const worker = next++;
          there.add(worker);
          take(machine.handle(joined(worker, 1 + draw(3)), 0));
        };
        join();
        take(machine.handle({ type: 'start' }, 0));
        for (let events = 0; !finished; events++) {
          expect(events, 'the run does not end').toBeLessThan(20_000);
          const [worker = 0] = [...there].slice(draw(there.size || 1));
          const lease = held[draw(held.length || 1)];
          const roll = draw(10);
          if (there.size === 0 || roll === 0) join();
          else if (roll === 1) {
            if (!retiring.has(worker)) retired++;
            if (held.some((h) => h.worker === worker)) withLeases++;
            retiring.add(worker);
            take(machine.handle({ type: 'retire', worker }, 0));
          } else if (lease !== undefined) {
            held = held.filter((h) => h !== lease);
            take(machine.handle(result(lease.worker, lease.round, lease.block.lo, lease.block.size), 0));
          } else if (retiring.size === there.size) join();
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(retired).toBeGreaterThan(0);
  expect(withLeases).toBeGreaterThan(0);
});
