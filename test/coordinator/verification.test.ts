/**
 * Workers that are not trusted, under thousands of random schedules: some lie, always or now and then or once they are proven,
 * leave and come back; others find them out. What the judge (machine/world.ts) holds the machine to: nothing is doubted or
 * taken that should not be, no liar that is found out leaves anything unchecked behind, and no run waits for nobody.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type Action, type Event, Machine, type Plan } from '../../coordinator/machine/machine.ts';
import { planOf } from './machine/events.ts';
import { firedDoubts, firedInTime } from './machine/fired.ts';
import { plansOf, play } from './machine/play.ts';

describe('random schedules', () => {
  const ends = (plan: Plan, log: readonly string[]) =>
    expect(log.at(-1)).toBe(`finish ${Math.max(plan.startStep, plan.steps)} complete`);

  test('where all is verified, no lie is left at the end', () => {
    fc.assert(
      fc.property(plansOf(['all']), fc.integer(), fc.constantFrom(0, 2, 5, 20), (plan, seed, calm) => {
        const world = play(plan, { seed, calm, strangers: true });
        ends(plan, world.log);
        expect(world.ledger.lies()).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('where some is, or only what is suspect, a liar that is found out leaves nothing behind', () => {
    fc.assert(
      fc.property(
        plansOf(['off', 'adaptive'], { long: true }),
        fc.integer(),
        fc.constantFrom(0, 3, 5, 20),
        (plan, seed, calm) => {
          ends(plan, play(plan, { seed, calm, strangers: true }).log);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('stopped or drained at any moment it ends', () => {
    fc.assert(
      fc.property(
        plansOf(['off', 'adaptive', 'all'], { long: true }),
        fc.integer(),
        fc.oneof(fc.nat(300), fc.constant('rollback' as const)),
        fc.constantFrom('stopAt', 'drainAt'),
        (plan, seed, at, how) => {
          play(plan, { seed, calm: 5, strangers: true, [how]: at });
        },
      ),
      { numRuns: 400 },
    );
  });

  test('workers that stall are checked as others are, and nobody waits for them', () => {
    fc.assert(
      fc.property(plansOf(['adaptive', 'all']), fc.integer(), fc.constantFrom(0, 3, 10), (plan, seed, calm) => {
        ends(plan, play(plan, { seed, calm, strangers: true, inTime: true }).log);
      }),
      { numRuns: 300 },
    );
  });

  afterAll(() => {
    for (const [what, times] of Object.entries({ ...firedDoubts, ...firedInTime }))
      expect(times, what).toBeGreaterThan(0);
  });
});

describe('by hand', () => {
  const plan = planOf({ steps: 30, microBatches: 1, evalMicroBatches: { train: 1, val: 1 }, verify: 'adaptive' });
  /** What is done, shortly: 'assign 1 0+4', 'expel 2 lied'. */
  const said = (actions: readonly Action[]) =>
    actions.map((a) => {
      switch (a.type) {
        case 'assign':
        case 'accept':
        case 'doubt':
        case 'overdue':
          return `${a.type} ${a.worker} ${a.block.lo}+${a.block.size}`;
        case 'open':
        case 'commit':
          return `${a.type} ${a.round.mode} ${a.round.step}`;
        case 'expel':
          return `expel ${a.worker} ${a.cause}`;
        case 'rollback':
        case 'checkpoint':
        case 'finish':
          return `${a.type} ${a.step}`;
        case 'unverifiable':
          return a.type;
        case 'release':
          return `release ${a.worker}`;
        default:
          return a satisfies never;
      }
    });

  /** A machine whose clock stands still unless it is told, which counts its rounds, and whose dice are set. */
  class Table {
    readonly machine: Machine;
    now = 0;
    round = -1;
    /** What the dice show next. */
    dice = 0.99;

    constructor(changes: Partial<Plan> = {}) {
      this.machine = new Machine({ ...plan, ...changes }, () => this.dice);
    }

    tell(event: Event): string[] {
      const actions = this.machine.handle(event, this.now);
      for (const a of actions) if (a.type === 'open') this.round = a.round.id;
      return said(actions);
    }

    joins(worker: number, trusted: boolean, identity: string | null = null, slots = 1): string[] {
      return this.tell({ type: 'joined', worker, slots, local: false, trusted, identity });
    }

    answers(worker: number, lo: number, size: number, agrees: boolean | null = null, suspect = false): string[] {
      return this.tell({ type: 'result', worker, round: this.round, block: { lo, size }, suspect, agrees });
    }

    /** Worker 1, called 'one', makes so many rounds of one block, each checked by worker 9, who comes and goes. */
    proves(steps: number): void {
      this.dice = 0;
      for (let i = 0; i < steps; i++) {
        this.answers(1, 0, 1);
        this.joins(9, true);
        this.answers(9, 0, 1, true);
        this.tell({ type: 'left', worker: 9 });
        this.tell({ type: 'left', worker: 1 });
        this.joins(1, false, 'one');
      }
      this.dice = 0.99;
    }
  }

  test('a worker is checked ten times, and then as the dice say', () => {
    const table = new Table();
    table.joins(1, false, 'one');
    expect(table.tell({ type: 'start' })).toEqual(['open train 0', 'assign 1 0+1']);
    expect(table.answers(1, 0, 1)).toEqual(['doubt 1 0+1', 'unverifiable']);
    expect(table.joins(9, true)).toEqual(['assign 9 0+1']);
    expect(table.answers(9, 0, 1, true)).toEqual(['accept 9 0+1', 'commit train 0', 'open train 1', 'assign 1 0+1']);
    table.tell({ type: 'left', worker: 9 });
    table.proves(9);
    // Eleven steps on, its name is what it is known by, whatever its connection.
    table.dice = 0.11;
    expect(table.answers(1, 0, 1).slice(0, 2)).toEqual(['accept 1 0+1', 'commit train 10']);
    table.dice = 0.09;
    expect(table.answers(1, 0, 1)).toEqual(['doubt 1 0+1', 'unverifiable']);
    expect(table.machine.cleanStep).toBe(10);
  });

  test('a suspect result is checked, proven as its worker may be', () => {
    const table = new Table();
    table.joins(1, false, 'one');
    table.tell({ type: 'start' });
    table.proves(10);
    expect(table.answers(1, 0, 1, null, true)).toEqual(['doubt 1 0+1', 'unverifiable']);
  });

  test('whoever lied at once is sent away on all connections, and the round goes on', () => {
    const table = new Table({ microBatches: 4 });
    table.joins(1, false, 'one');
    table.joins(2, false, 'one');
    table.joins(9, true);
    const first = table.tell({ type: 'start' });
    expect(first).toEqual(['open train 0', 'assign 1 0+1', 'assign 2 1+1', 'assign 9 2+1']);
    // A checker takes the check before what waits; what the other connection held goes to it, too.
    expect(table.answers(1, 0, 1)).toEqual(['doubt 1 0+1', 'assign 1 3+1']);
    expect(table.answers(9, 2, 1)).toEqual(['accept 9 2+1', 'assign 9 0+1']);
    expect(table.answers(9, 0, 1, false)).toEqual(['accept 9 0+1', 'expel 1 lied', 'expel 2 lied', 'assign 9 1+1']);
    expect(table.answers(9, 1, 1)).toEqual(['accept 9 1+1', 'assign 9 3+1']);
    expect(table.answers(9, 3, 1).slice(0, 2)).toEqual(['accept 9 3+1', 'commit train 0']);
  });

  test('a liar with unchecked work in the round alone has the round started again', () => {
    const table = new Table({ steps: 10, evalMicroBatches: { train: 32, val: 1 } });
    table.joins(1, false, 'one');
    table.tell({ type: 'start' });
    table.proves(10);
    expect(table.answers(1, 0, 16)).toEqual(['accept 1 0+16', 'assign 1 16+16']);
    expect(table.answers(1, 16, 16, null, true)).toEqual(['doubt 1 16+16', 'unverifiable']);
    expect(table.joins(9, true)).toEqual(['assign 9 16+16']);
    expect(table.answers(9, 16, 16, false)).toEqual(['expel 1 lied', 'open eval 10', 'assign 9 0+16']);
    expect(table.answers(9, 0, 16)).toEqual(['accept 9 0+16', 'assign 9 16+16']);
    expect(table.answers(9, 16, 16).slice(0, 3)).toEqual(['accept 9 16+16', 'commit eval 10', 'open eval 10']);
  });

  test('of a stranger that lied, each result that was held is let go once when the round starts again', () => {
    const table = new Table({ steps: 10, evalMicroBatches: { train: 32, val: 1 } });
    table.joins(1, false, null, 4);
    table.tell({ type: 'start' });
    table.dice = 0;
    for (let i = 0; i < 10; i++) {
      table.answers(1, 0, 1);
      table.joins(9, true);
      table.answers(9, 0, 1, true);
      table.tell({ type: 'left', worker: 9 });
    }
    table.dice = 0.99;
    expect(table.answers(1, 0, 4)[0]).toBe('accept 1 0+4');
    table.dice = 0;
    for (const lo of [4, 8]) expect(table.answers(1, lo, 4)[0]).toBe(`doubt 1 ${lo}+4`);
    expect(table.joins(9, true)).toEqual(['assign 9 4+4']);
    expect(table.answers(9, 4, 4, false)).toEqual(['expel 1 lied', 'open eval 10', 'assign 9 0+16']);
  });

  /** A run at step 13 to which worker 1 has contributed unchecked since step 10, and in which its lie has been found. */
  const goingBack = () => {
    const table = new Table({ diagnoseEvery: 10 });
    table.joins(1, false, 'one');
    table.tell({ type: 'start' });
    table.proves(11);
    for (let step = 10; step < 13; step++)
      expect(table.answers(1, 0, 1).slice(0, 2)).toEqual(['accept 1 0+1', `commit train ${step}`]);
    expect(table.answers(1, 0, 1, null, true)).toEqual(['doubt 1 0+1', 'unverifiable']);
    // What it has left behind outlives it.
    expect(table.tell({ type: 'left', worker: 1 })).toEqual([]);
    expect(table.machine.cleanStep).toBe(10);
    expect(table.joins(9, true)).toEqual(['assign 9 0+1']);
    expect(table.answers(9, 0, 1, false)).toEqual(['expel 1 lied', 'rollback 10']);
    return table;
  };

  test('a liar with unchecked work in steps that were made has the run go back to before the first', () => {
    const table = goingBack();
    // Nothing is handed out, or saved, before that is done.
    expect(table.joins(2, true)).toEqual([]);
    expect(table.tell({ type: 'tick' })).toEqual([]);
    expect(table.tell({ type: 'checkpoint' })).toEqual([]);
    expect(table.machine.cleanStep).toBe(10);
    expect(() => table.tell({ type: 'restored', step: 11 })).toThrow('asked for 10');
    // It has a checkpoint of step 9: the look before that step comes again, too.
    expect(table.tell({ type: 'restored', step: 9 })).toEqual(['open diagnose 9', 'assign 9 0+1']);
    expect(table.answers(9, 0, 1).slice(0, 3)).toEqual(['accept 9 0+1', 'commit diagnose 9', 'open train 9']);
    // Nothing of the liar's is left, and it begins anew if it is let in.
    expect(table.machine.cleanStep).toBe(9);
    table.tell({ type: 'left', worker: 9 });
    table.tell({ type: 'left', worker: 2 });
    expect(table.joins(1, false, 'one')).toEqual(['assign 1 0+1']);
    expect(table.answers(1, 0, 1)[0]).toBe('doubt 1 0+1');
    expect(() => table.tell({ type: 'restored', step: 9 })).toThrow('asked for none');
  });

  test('while it goes back, a run can be paused, stopped and drained', () => {
    const paused = goingBack();
    expect(paused.tell({ type: 'pause' })).toEqual([]);
    expect(paused.tell({ type: 'restored', step: 10 })).toEqual(['open train 10']);
    expect(paused.tell({ type: 'resume' })).toEqual(['assign 9 0+1']);
    expect(goingBack().tell({ type: 'stop' })).toEqual(['finish 10']);
    const drained = goingBack();
    expect(drained.tell({ type: 'drain' })).toEqual([]);
    expect(drained.tell({ type: 'restored', step: 8 })).toEqual(['finish 8']);
  });

  test('found in the last evaluations, a lie has the steps before them made again, and then those evaluations', () => {
    const table = new Table({ steps: 11 });
    table.joins(1, false, 'one');
    table.tell({ type: 'start' });
    table.proves(10);
    expect(table.answers(1, 0, 1)).toContain('open eval 11');
    table.answers(1, 0, 1, null, true);
    table.joins(9, true);
    expect(table.answers(9, 0, 1, false)).toEqual(['expel 1 lied', 'rollback 10']);
    expect(table.tell({ type: 'restored', step: 10 })).toEqual(['open train 10', 'assign 9 0+1']);
    expect(table.answers(9, 0, 1)).toContain('open eval 11');
    expect(table.answers(9, 0, 1)).toContain('open eval 11');
    expect(table.answers(9, 0, 1)).toContain('finish 11');
  });

  test('a block that was handed out twice is doubted and checked like any other', () => {
    const table = new Table({ microBatches: 4 });
    table.joins(1, false);
    table.tell({ type: 'start' });
    table.joins(9, true);
    table.now = 60_000;
    expect(table.tell({ type: 'tick' })).toEqual(['overdue 1 0+4', 'assign 9 0+4']);
    // The first to answer is the one that was slow: the other's answer is the check.
    expect(table.answers(1, 0, 4)).toEqual(['doubt 1 0+4']);
    expect(table.answers(9, 0, 4, true).slice(0, 2)).toEqual(['accept 9 0+4', 'commit train 0']);
  });

  test('where others have parts of a block that is doubted, the whole is checked', () => {
    const table = new Table({ microBatches: 4 });
    table.joins(1, false);
    table.tell({ type: 'start' });
    table.joins(8, true);
    table.joins(9, true);
    table.now = 60_000;
    expect(table.tell({ type: 'tick' })).toEqual(['overdue 1 0+4', 'assign 8 0+2', 'assign 9 2+2']);
    expect(table.answers(1, 0, 4)).toEqual(['doubt 1 0+4']);
    expect(table.answers(8, 0, 2)).toEqual(['assign 8 0+4']);
    expect(table.answers(9, 2, 2)).toEqual([]);
    expect(table.answers(8, 0, 4, false).slice(0, 3)).toEqual(['accept 8 0+4', 'expel 1 lied', 'commit train 0']);
  });

  test('what a checker keeps for too long, another checks', () => {
    const table = new Table({ microBatches: 1 });
    table.joins(1, false);
    table.tell({ type: 'start' });
    table.joins(9, true);
    expect(table.answers(1, 0, 1)).toEqual(['doubt 1 0+1', 'assign 9 0+1']);
    table.joins(2, false);
    table.joins(8, true);
    table.now = 60_000;
    expect(table.tell({ type: 'tick' })).toEqual(['overdue 9 0+1', 'assign 8 0+1']);
    expect(table.answers(8, 0, 1, true).slice(0, 2)).toEqual(['accept 8 0+1', 'commit train 0']);
  });

  describe('where nothing is verified', () => {
    const off = () => {
      const table = new Table({ verify: 'off' });
      table.joins(1, false);
      return table;
    };

    test('what is suspect of a worker that is alone is taken', () => {
      const table = off();
      table.tell({ type: 'start' });
      expect(table.answers(1, 0, 1, null, true).slice(0, 2)).toEqual(['accept 1 0+1', 'commit train 0']);
    });

    test('any other worker checks it; who differs without being suspect is believed', () => {
      const table = off();
      table.tell({ type: 'start' });
      table.joins(2, false);
      expect(table.answers(1, 0, 1, null, true)).toEqual(['doubt 1 0+1', 'assign 2 0+1']);
      expect(table.answers(2, 0, 1, false).slice(0, 3)).toEqual(['accept 2 0+1', 'expel 1 lied', 'commit train 0']);
    });

    test('a trusted worker does, if there is one', () => {
      const table = off();
      table.tell({ type: 'start' });
      table.joins(2, false);
      table.joins(9, true);
      expect(table.answers(1, 0, 1, null, true)).toEqual(['doubt 1 0+1', 'assign 9 0+1']);
    });

    test('two that differ and are both suspect are settled by a third, or by nobody', () => {
      const table = off();
      table.tell({ type: 'start' });
      table.joins(2, false);
      table.answers(1, 0, 1, null, true);
      table.joins(3, false);
      expect(table.answers(2, 0, 1, false, true)).toEqual(['doubt 2 0+1', 'assign 3 0+1']);
      expect(table.answers(3, 0, 1, false, true).slice(0, 2)).toEqual(['accept 3 0+1', 'commit train 0']);
    });

    test('a block that nobody can check is done anew, in pieces where others still have a piece', () => {
      const table = new Table({ verify: 'off', microBatches: 4 });
      table.joins(1, false, 'one');
      table.tell({ type: 'start' });
      table.joins(2, false, 'one');
      table.joins(3, false);
      table.now = 60_000;
      expect(table.tell({ type: 'tick' })).toEqual(['overdue 1 0+4', 'assign 2 0+2', 'assign 3 2+2']);
      expect(table.answers(1, 0, 4, null, true)).toEqual(['doubt 1 0+4']);
      expect(table.tell({ type: 'left', worker: 3 })).toEqual(['assign 1 2+2']);
      expect(table.answers(2, 0, 2)).toContain('accept 2 0+2');
      expect(table.answers(1, 2, 2).slice(0, 2)).toEqual(['accept 1 2+2', 'commit train 0']);
    });

    test('nobody waits for a checker that has left, or is stuck', () => {
      for (const goes of [true, false]) {
        const table = off();
        table.tell({ type: 'start' });
        table.joins(2, false);
        expect(table.answers(1, 0, 1, null, true)).toEqual(['doubt 1 0+1', 'assign 2 0+1']);
        table.now = 60_000;
        if (goes) expect(table.tell({ type: 'left', worker: 2 })).toEqual(['assign 1 0+1']);
        else expect(table.tell({ type: 'tick' })).toEqual(['overdue 2 0+1', 'assign 1 0+1']);
        expect(table.answers(1, 0, 1, null, true).slice(0, 2)).toEqual(['accept 1 0+1', 'commit train 0']);
      }
    });
  });
});
