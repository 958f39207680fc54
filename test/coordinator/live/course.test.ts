/** The course in buckets, against every step kept; and readers that follow it from any mark. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Course, type CourseStep, MAX_BUCKETS } from '../../../coordinator/live/course.ts';
import type { Course as Columns, CoursePart } from '../../../core/protocol/live.ts';
import { Site, Stream } from '../../../core/random/streams.ts';
import { follow } from '../../support/livePage.ts';

/** Steps whose figures follow from a seed. */
function steps(count: number, seed: number): CourseStep[] {
  const stream = new Stream(seed, Site.sample);
  const draw = (i: number, k: number) => stream.uniform(i * 4 + k);
  return Array.from({ length: count }, (_, i) => ({
    step: i + 1,
    loss: draw(i, 0) * 10 - 5,
    gradNorm: draw(i, 1) * 1e6,
    lr: draw(i, 2) * 1e-4,
    tokensPerSecond: Math.floor(draw(i, 3) * 1e7),
  }));
}

/** The buckets of so many steps each, from all of them. */
function reference(all: readonly CourseStep[], width: number): Columns {
  const buckets = Array.from({ length: Math.ceil(all.length / width) }, (_, i) =>
    all.slice(i * width, (i + 1) * width),
  );
  const mean = (of: (s: CourseStep) => number) => buckets.map((b) => b.reduce((a, s) => a + of(s), 0) / b.length);
  return {
    step: buckets.map((b) => b.at(-1)?.step ?? -1),
    loss: mean((s) => s.loss),
    lossMin: buckets.map((b) => Math.min(...b.map((s) => s.loss))),
    lossMax: buckets.map((b) => Math.max(...b.map((s) => s.loss))),
    gradNorm: mean((s) => s.gradNorm),
    lr: mean((s) => s.lr),
    tokensPerSecond: mean((s) => s.tokensPerSecond),
  };
}

/** Equal to the six digits that are told; means of numbers of both signs lose some of theirs. */
function expectClose(got: Columns, want: Columns): void {
  expect(got.step).toEqual(want.step);
  const scale = { loss: 5, lossMin: 5, lossMax: 5, gradNorm: 1e6, lr: 1e-4, tokensPerSecond: 1e7 };
  for (const name of Object.keys(scale) as (keyof typeof scale)[]) {
    expect(got[name].length, name).toBe(want[name].length);
    for (const [i, x] of got[name].entries())
      if (Math.abs(x - (want[name][i] as number)) > 6e-6 * scale[name])
        expect.fail(`${name}[${i}] is ${x}, not ${want[name][i]}`);
  }
}

const counts = fc.oneof(
  fc.integer({ min: 0, max: 50 }),
  fc.integer({ min: MAX_BUCKETS - 3, max: MAX_BUCKETS + 3 }),
  fc.integer({ min: 2 * MAX_BUCKETS - 3, max: 2 * MAX_BUCKETS + 5 }),
  fc.integer({ min: 0, max: 40_000 }),
);

test('every step counts in one bucket, of which there are never too many', () => {
  fc.assert(
    fc.property(counts, fc.nat(), (count, seed) => {
      const all = steps(count, seed);
      const course = new Course();
      for (const step of all) course.push(step);
      let width = 1;
      while (Math.ceil(count / width) > MAX_BUCKETS) width *= 2;
      const { from, course: got } = course.since(0);
      expect(from).toBe(0);
      expect(got.step.length).toBeLessThanOrEqual(MAX_BUCKETS);
      expectClose(got, reference(all, width));
    }),
    { numRuns: 40 },
  );
});

const bursts = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(1, MAX_BUCKETS / 2, MAX_BUCKETS));

test('a reader that follows it from mark to mark holds what a fresh one is told', () => {
  fc.assert(
    fc.property(fc.array(bursts, { maxLength: 12 }), fc.nat(), (sizes, seed) => {
      const course = new Course();
      let held: CoursePart = course.since(0);
      let mark = course.mark;
      const all = steps(
        sizes.reduce((a, b) => a + b, 0),
        seed,
      );
      let at = 0;
      for (const burst of sizes) {
        for (const step of all.slice(at, at + burst)) course.push(step);
        at += burst;
        held = follow(held, course.since(mark));
        mark = course.mark;
        expect(held).toEqual(course.since(0));
        expect(course.since(mark).course.step).toEqual([]);
      }
    }),
    { numRuns: 40 },
  );
});

test('steps that are undone are cut off, and made again; readers follow that, too', () => {
  let [cuts, undone] = [0, 0];
  const spell = fc.record({ burst: bursts, back: fc.integer({ min: 0, max: 5000 }), look: fc.boolean() });
  fc.assert(
    fc.property(fc.array(spell, { maxLength: 10 }), fc.nat(), (spells, seed) => {
      const course = new Course();
      let held: CoursePart = course.since(0);
      let mark = course.mark;
      let at = 0;
      for (const { burst, back, look } of spells) {
        for (const step of steps(at + burst, seed).slice(at)) course.push(step);
        at += burst;
        if (look) [held, mark] = [follow(held, course.since(mark)), course.mark];
        const to = Math.max(0, at - back);
        const width = course.since(0).course.step[0] ?? 1;
        course.cut(to);
        const told = course.since(0).course.step;
        if (to < at) [cuts, undone] = [cuts + 1, undone + at - to];
        // A bucket that had some of the undone steps is gone.
        expect(told.at(-1) ?? 0).toBeLessThanOrEqual(to);
        expect(told.at(-1) ?? 0).toBeGreaterThan(to - width);
        expect(told).toEqual(told.toSorted((a, b) => a - b));
        held = follow(held, course.since(mark));
        mark = course.mark;
        expect(held).toEqual(course.since(0));
        at = to;
      }
    }),
    { numRuns: 30 },
  );
  expect([cuts, undone].every((n) => n > 0)).toBe(true);
});

test('a reader is told no more than it lacks', () => {
  const course = new Course();
  for (const step of steps(100, 1)) course.push(step);
  expect(course.since(98)).toMatchObject({ from: 98, course: { step: [99, 100] } });
});

test('what JSON cannot tell counts as nothing', () => {
  const course = new Course();
  course.push({ step: 1, loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY, lr: 0.1, tokensPerSecond: 1 / 0 });
  const told = course.since(0);
  expect(JSON.parse(JSON.stringify(told))).toEqual(told);
});
