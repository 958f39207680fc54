/** What `cmp` calls exact, approximate and neither. */
import { expect, test } from 'vitest';
import { cmp } from '../../../models/backprop/cmp.ts';
import { matrix } from '../../../models/backprop/matrix.ts';

const row = (...values: number[]) => matrix(1, values.length, Float32Array.from(values));

test('the same numbers are exact', () => {
  expect(cmp('h', row(1, -2, 0), row(1, -2, -0))).toMatchObject({ exact: true, approximate: true, maxdiff: 0 });
  expect(cmp('h', row(1), row(1)).line).toBe('h            | exact: yes | approximate: yes | largest difference: 0');
});

test('numbers a last bit apart are approximate', () => {
  const near = cmp('h', row(1 + 2 ** -23, 0), row(1, 5e-8));
  expect(near).toMatchObject({ exact: false, approximate: true });
  expect(near.maxdiff).toBeCloseTo(2 ** -23, 12);
});

test('one number that is off is enough to fail', () => {
  const wrong = cmp('h', row(1, 2, 3), row(1, 2, 3.001));
  expect(wrong).toMatchObject({ exact: false, approximate: false });
  expect(wrong.line).toBe('h            | exact: no  | approximate: no  | largest difference: 1.0e-3');
});

test('what is no number is near nothing', () => {
  for (const [ours, theirs] of [
    [row(Number.NaN), row(1)],
    [row(1), row(Number.NaN)],
    [row(1), row(Number.POSITIVE_INFINITY)],
  ] as const) {
    const { exact, approximate } = cmp('h', ours, theirs);
    expect([exact, approximate]).toEqual([false, false]);
  }
  expect(cmp('h', row(Number.NaN, 1), row(1, 1)).maxdiff).toBeNaN();
});

test('shapes must be the same', () => {
  expect(() => cmp('h', row(1, 2), matrix(2, 1))).toThrow('h: a gradient of [1, 2] next to one of [2, 1]');
});
