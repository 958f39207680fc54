/** The operator's view under a clock of the test's own: what it shows of events, and what it says has changed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveView } from '../../../coordinator/live/liveView.ts';
import { Rate } from '../../../coordinator/live/rate.ts';
import type { Round, WorkerId } from '../../../coordinator/machine/machine.ts';
import type { WorkerPort } from '../../../core/protocol/work.ts';
import { apply } from '../../support/livePage.ts';

const MICRO_BATCHES = 4;

/** A run as the view is told of it. */
class Told {
  now = 1000;
  readonly view: LiveView;
  step = 0;
  round: Round = { id: 0, mode: 'train', step: 0, microBatches: MICRO_BATCHES };

  constructor(steps = 1000) {
    this.view = new LiveView(0, steps, { now: () => this.now, date: () => 1e12 + this.now });
  }

  join(id: WorkerId, port: Partial<WorkerPort> = {}): void {
    const nothing = () => undefined;
    const whole: WorkerPort = {
      kind: 'remote',
      name: `w${id}`,
      identity: null,
      trusted: false,
      slots: 2,
      sendState: nothing,
      sendWork: nothing,
      close: nothing,
      ...port,
    };
    const { kind, slots } = whole;
    this.view.onWorker({ id, name: `${whole.name}#${id}`, kind, slots, port: whole, joined: true, reason: '' });
  }

  leave(id: WorkerId, reason: string): void {
    const port = { kind: 'remote', name: '', slots: 1 } as WorkerPort;
    this.view.onWorker({ id, name: `w${id}#${id}`, kind: 'remote', slots: 1, port, joined: false, reason });
  }

  open(): void {
    this.round = { ...this.round, id: this.round.id + 1, step: this.step };
    this.view.onOpen(this.round);
  }

  /** A whole step by one worker, `ms` long. */
  makeStep(worker: WorkerId, ms: number): void {
    const block = { lo: 0, size: MICRO_BATCHES };
    this.open();
    this.view.onAssign(worker, this.round, block);
    this.now += ms;
    this.view.onResult(worker, this.round.id, block, true);
    this.commit();
  }

  commit(): void {
    const loss = 10 / ++this.step;
    const { step } = this;
    this.view.onStep({
      step,
      loss,
      lr: 0.5,
      gradNorm: 2,
      count: 32,
      workers: 1,
      threads: 2,
      seconds: 1,
      tokensPerSecond: 99,
    });
  }
}

describe('the status', () => {
  test('has rates over the last seconds, and the time that is left by them', () => {
    const told = new Told(1000);
    told.join(1);
    told.view.onPhase('training');
    expect(told.view.snapshot().status).toMatchObject({ phase: 'training', step: 0, loss: null, stepsPerSecond: null });
    for (let i = 0; i < 100; i++) told.makeStep(1, 1000);
    for (let i = 0; i < 100; i++) told.makeStep(1, 100);
    const { status } = told.view.snapshot();
    expect(status).toMatchObject({ step: 200, loss: 0.05, lr: 0.5, gradNorm: 2 });
    expect(status.stepsPerSecond).toBeCloseTo(10, 6);
    expect(status.tokensPerSecond).toBeCloseTo(320, 4);
    expect(status.secondsLeft).toBeCloseTo(80, 4);
    expect(status.seconds).toBeCloseTo(110, 6);
  });

  test('after a pause the rates are those of the steps since', () => {
    const told = new Told();
    told.join(1);
    told.view.onPhase('training');
    for (let i = 0; i < 50; i++) told.makeStep(1, 100);
    told.view.onPhase('paused');
    told.now += 1e6;
    expect(told.view.snapshot().status).toMatchObject({ phase: 'paused', secondsLeft: null });
    told.view.onPhase('training');
    told.makeStep(1, 100);
    told.makeStep(1, 100);
    expect(told.view.snapshot().status.stepsPerSecond).toBeCloseTo(10, 6);
    expect(told.view.snapshot().workers[0]?.perSecond).toBeCloseTo(10 * MICRO_BATCHES, 6);
    expect(told.view.snapshot().notices.map((n) => n.text)).toEqual([
      'w1#1 joined, with 2 threads',
      'paused',
      'resumed',
    ]);
  });

  test('shows the last evaluation of the validation set, and the newest checkpoint', () => {
    const told = new Told();
    told.view.onEvaluation({ step: 0, split: 'val', loss: 3 });
    told.view.onEvaluation({ step: 0, split: 'val', loss: 2 });
    told.view.onEvaluation({ step: 0, split: 'train', loss: 1 });
    told.view.onCheckpoint(0);
    const { status, evaluations, notices } = told.view.snapshot();
    expect(status).toMatchObject({ valLoss: 2, checkpoint: 0 });
    expect(evaluations.map((e) => e.loss)).toEqual([3, 2, 1]);
    expect(notices.map((n) => n.text)).toEqual([
      'validation loss 3.0000',
      'validation loss 2.0000',
      'train loss 1.0000',
      'checkpoint of step 0 written',
    ]);
  });
});

test('a run that goes back shows nothing of the steps that are undone, and says so', () => {
  const told = new Told();
  told.join(1);
  told.view.onPhase('training');
  for (let i = 0; i < 10; i++) {
    told.makeStep(1, 100);
    if (told.step % 4 !== 0) continue;
    told.view.onEvaluation({ step: told.step, split: 'val', loss: told.step });
    told.view.addSample({ step: told.step, text: `at ${told.step}` });
  }
  told.view.onCheckpoint(8);
  told.view.onUnverifiable();
  const mark = told.view.mark();
  told.step = 5;
  told.view.onRollback(10, 5);
  const { status, evaluations, samples, course, notices } = told.view.snapshot();
  expect(status).toMatchObject({ step: 5, loss: null, valLoss: 4, checkpoint: 5 });
  expect(evaluations.map((e) => e.step)).toEqual([4]);
  expect(samples.map((s) => s.step)).toEqual([4]);
  expect(course.course.step).toEqual([1, 2, 3, 4, 5]);
  expect(notices.slice(-2)).toMatchObject([
    { step: 10, text: 'results wait to be verified, and no worker is here that is trusted to do that' },
    { step: 5, text: 'went back from step 10 to 5, to undo what a worker had made up' },
  ]);
  const changes = told.view.changes(mark);
  expect(Object.keys(changes ?? {})).toEqual(
    expect.arrayContaining(['status', 'course', 'evaluations', 'samples', 'notices']),
  );
  expect(changes?.course?.course.step).toEqual([1, 2, 3, 4, 5]);
  told.makeStep(1, 100);
  expect(told.view.snapshot().course.course.step).toEqual([1, 2, 3, 4, 5, 6]);
  told.view.onRollback(6, 0);
  expect(told.view.snapshot().status).toMatchObject({ step: 0, valLoss: null, checkpoint: null });
});

describe('rates', () => {
  test('are right for any steady pace, from one event in minutes to thousands a second', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 200_000, noNaN: true }), fc.integer({ min: 2, max: 60_000 }), (ms, n) => {
        const rate = new Rate();
        rate.begin(0);
        for (let i = 1; i <= n; i++) rate.add(3, i * ms);
        expect(((rate.perSecond(n * ms) ?? 0) * ms) / 3000).toBeCloseTo(1, 6);
      }),
      { numRuns: 50 },
    );
  });

  test('of an event in a long while are over the time between the last two', () => {
    const rate = new Rate();
    rate.begin(0);
    expect(rate.perSecond(5000)).toBeNull();
    rate.add(4, 10_000);
    expect(rate.perSecond(10_000)).toBeCloseTo(0.4, 6);
    expect(rate.perSecond(19_000)).toBeCloseTo(0.4, 6);
    rate.add(4, 30_000);
    expect(rate.perSecond(30_001)).toBeCloseTo(0.2, 6);
  });

  test('fall when nothing comes any more', () => {
    const rate = new Rate();
    rate.begin(0);
    for (let i = 1; i <= 100; i++) rate.add(1, i * 100);
    expect(rate.perSecond(10_000)).toBeCloseTo(10, 6);
    expect(rate.perSecond(15_000)).toBeLessThan(6);
    expect(rate.perSecond(100_000)).toBeLessThan(1);
  });
});

describe('the workers', () => {
  test('have what they did, their share of it, and what they are at', () => {
    const told = new Told();
    told.join(1, { traffic: () => ({ sent: 10, received: 20, latencyMs: 3.5 }) });
    told.join(2, { kind: 'tab', name: 'x'.repeat(100), slots: 1 });
    told.view.onPhase('training');
    told.open();
    told.view.onAssign(1, told.round, { lo: 0, size: 2 });
    told.view.onAssign(2, told.round, { lo: 2, size: 1 });
    told.view.onAssign(1, told.round, { lo: 3, size: 1 });
    expect(told.view.snapshot().workers.map((w) => w.state)).toEqual(['working', 'working']);
    told.now += 500;
    told.view.onResult(2, told.round.id, { lo: 2, size: 1 }, true);
    told.view.onOverdue(1, told.round, { lo: 0, size: 2 });
    expect(told.view.snapshot().workers.map((w) => w.state)).toEqual(['overdue', 'idle']);
    told.view.onResult(1, told.round.id, { lo: 0, size: 2 }, false);
    told.view.onResult(1, told.round.id, { lo: 3, size: 1 }, true);
    told.now += 1500;
    const [one, two] = told.view.snapshot().workers;
    expect(one).toEqual({
      id: 1,
      name: 'w1',
      kind: 'remote',
      slots: 2,
      state: 'idle',
      microBatches: 1,
      share: 0.5,
      perSecond: 0.5,
      latencyMs: 3.5,
      verified: 0,
      bytesSent: 10,
      bytesReceived: 20,
      seconds: 2,
    });
    expect(two).toMatchObject({ kind: 'tab', name: 'x'.repeat(64), share: 0.5, latencyMs: null });
    told.leave(1, 'it sent nonsense');
    expect(told.view.snapshot().workers.map((w) => w.id)).toEqual([2]);
    expect(told.view.snapshot().notices.at(-1)?.text).toBe('w1#1 left: it sent nonsense');
  });

  test('have those counted that were verified, by whom they were doubted of, and by whom they were checked', () => {
    const told = new Told();
    told.join(1);
    told.join(2);
    told.view.onPhase('training');
    told.open();
    const block = { lo: 0, size: 4 };
    told.view.onAssign(1, told.round, block);
    told.view.onResult(1, told.round.id, block, false);
    expect(told.view.snapshot().workers[0]).toMatchObject({ verified: 0, microBatches: 0, state: 'idle' });
    const mark = told.view.mark();
    told.view.onAssign(2, told.round, block);
    told.view.onChecked(1, block, true);
    told.view.onResult(2, told.round.id, block, true);
    expect(told.view.changes(mark)?.workers).toMatchObject([
      { verified: 4, microBatches: 4, share: 0.5 },
      { verified: 0, microBatches: 4, share: 0.5 },
    ]);
    told.commit();
    told.open();
    told.view.onChecked(1, block, false);
    expect(told.view.snapshot().workers[0]).toMatchObject({ verified: 4, microBatches: 4 });
  });

  test("an evaluation's micro-batches count for nothing", () => {
    const told = new Told();
    told.join(1);
    const round: Round = { id: 7, mode: 'eval', split: 'val', step: 0, microBatches: 3 };
    told.view.onOpen(round);
    told.view.onAssign(1, round, { lo: 0, size: 1 });
    told.view.onResult(1, 7, { lo: 0, size: 1 }, true);
    told.view.onChecked(1, { lo: 0, size: 1 }, true);
    expect(told.view.snapshot().workers[0]).toMatchObject({ microBatches: 0, share: 0, state: 'idle' });
  });
});

describe('the timeline', () => {
  test('says who computed what, from when to when, and who is still at it', () => {
    const told = new Told();
    told.join(1);
    told.join(2);
    told.open();
    told.view.onAssign(1, told.round, { lo: 0, size: 2 });
    told.now += 10;
    told.view.onAssign(2, told.round, { lo: 2, size: 2 });
    told.now += 10;
    told.view.onResult(1, told.round.id, { lo: 0, size: 2 }, true);
    const block = { microBatches: 2, accepted: true };
    expect(told.view.snapshot().timeline).toEqual([
      {
        step: 1,
        ms: null,
        blocks: [
          { ...block, lo: 0, worker: 1, name: 'w1', from: 0, to: 20 },
          { ...block, lo: 2, worker: 2, name: 'w2', from: 10, to: null, accepted: false },
        ],
      },
    ]);
    told.view.onAssign(1, told.round, { lo: 2, size: 2 });
    told.now += 10;
    told.view.onResult(1, told.round.id, { lo: 2, size: 2 }, true);
    told.commit();
    // The other half of a lease that was handed out twice comes late, or never.
    told.now += 5;
    told.view.onResult(2, told.round.id, { lo: 2, size: 2 }, false);
    const [step] = told.view.snapshot().timeline;
    expect(step?.ms).toBe(30);
    expect(step?.blocks.map((b) => [b.worker, b.to, b.accepted])).toEqual([
      [1, 20, true],
      [2, 35, false],
      [1, 30, true],
    ]);
  });

  test('ends the blocks of a worker that leaves', () => {
    const told = new Told();
    told.join(1);
    told.open();
    told.view.onAssign(1, told.round, { lo: 0, size: 4 });
    told.now += 7;
    told.leave(1, '');
    expect(told.view.snapshot().timeline[0]?.blocks[0]).toMatchObject({ to: 7, accepted: false });
  });

  test('holds a few steps, a few a second of many', () => {
    const told = new Told();
    told.join(1);
    for (let i = 0; i < 10_000; i++) told.makeStep(1, 1);
    const steps = told.view.snapshot().timeline.map((s) => s.step);
    expect(steps.length).toBe(8);
    for (const [i, step] of steps.slice(1).entries()) expect(step - (steps[i] as number)).toBeGreaterThanOrEqual(200);
  });
});

test('what grows is cut: samples, notices and evaluations', () => {
  const told = new Told();
  for (let i = 0; i < 5000; i++) {
    told.view.addSample({ step: i, text: `${i}` });
    told.view.onEvaluation({ step: i, split: 'val', loss: i });
  }
  const { samples, notices, evaluations } = told.view.snapshot();
  expect(samples.map((s) => s.step)).toEqual([4994, 4995, 4996, 4997, 4998, 4999]);
  expect(notices.length).toBe(100);
  expect(evaluations.length).toBeLessThanOrEqual(1024);
  expect(evaluations.at(-1)?.step).toBe(4999);
});

test('one who takes the changes at any moments holds what a fresh one is told', () => {
  let [nothing, something] = [0, 0];
  const event = fc.record({ kind: fc.nat(12), ms: fc.constantFrom(0, 0, 1, 30, 400, 2000), look: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const told = new Told();
      const { view } = told;
      let held = view.snapshot();
      let mark = view.mark();
      for (const [i, { kind, ms, look }] of events.entries()) {
        if (kind === 0) told.join(i);
        else if (kind === 1) told.leave(i >> 1, 'it left');
        else if (kind === 2) view.onPhase(i % 2 === 0 ? 'paused' : 'training');
        else if (kind === 3) view.onCheckpoint(told.step);
        else if (kind === 4) view.onEvaluation({ step: told.step, split: 'val', loss: i });
        else if (kind === 5) view.addSample({ step: told.step, text: `${i}` });
        else if (kind === 6) told.open();
        else if (kind === 7) view.onAssign(i >> 1, told.round, { lo: 0, size: 4 });
        else if (kind === 8) view.onResult(i >> 1, told.round.id, { lo: 0, size: 4 }, true);
        else if (kind === 9) told.commit();
        else if (kind === 10) view.onChecked(i >> 1, { lo: 0, size: 4 }, i % 3 > 0);
        else if (kind === 11) {
          const to = told.step >> 1;
          view.onRollback(told.step, to);
          told.step = to;
        }
        told.now += ms;
        if (!look) continue;
        const changes = view.changes(mark);
        if (changes === null) nothing++;
        else {
          something++;
          held = apply(held, changes);
        }
        mark = view.mark();
        // Figures that change with the time alone are told each second.
        const fresh = view.snapshot();
        const timeless = { seconds: 0, stepsPerSecond: 0, tokensPerSecond: 0, secondsLeft: 0, perSecond: 0 };
        expect({ ...held, status: { ...held.status, ...timeless }, workers: [] }).toEqual({
          ...fresh,
          status: { ...fresh.status, ...timeless },
          workers: [],
        });
        expect(held.workers.map((w) => ({ ...w, ...timeless }))).toEqual(
          fresh.workers.map((w) => ({ ...w, ...timeless })),
        );
        expect(held.status.seconds).toBeGreaterThan(fresh.status.seconds - 1);
      }
    }),
    { numRuns: 300 },
  );
  expect(nothing).toBeGreaterThan(0);
  expect(something).toBeGreaterThan(0);
});
