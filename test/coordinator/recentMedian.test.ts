/** The median that is kept as numbers come, beside one of all that are remembered, sorted anew. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentMedian } from '../../coordinator/recentMedian.ts';

const number = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.double({ min: 0, max: 1e4, noNaN: true }));
const medianOf = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? null;

test('it is of the last so many numbers since all were forgotten, and so are their distances from it', () => {
  const something = fc.array(fc.oneof({ weight: 20, arbitrary: number }, fc.constant('clear' as const)), {
    maxLength: 100,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 33 }), something, (remembered, all) => {
      const recent = new RecentMedian(remembered);
      let last: number[] = [];
      for (const what of all) {
        if (what === 'clear') recent.clear();
        else recent.add(what);
        last = what === 'clear' ? [] : [...last, what].slice(-remembered);
        const median = medianOf(last);
        expect(recent.count).toBe(last.length);
        expect(recent.median).toBe(median);
        expect(recent.deviation).toBe(medianOf(last.map((value) => Math.abs(value - (median ?? 0)))) ?? 0);
      }
    }),
  );
});
