/** Which gradients are out of line: next to the last that counted, and all of them while there are too few. */
import { expect, test } from 'vitest';
import { Norms } from '../../coordinator/norms.ts';

const seen = (...values: number[]): Norms => {
  const norms = new Norms();
  for (const value of values) norms.add(value);
  return norms;
};

test('with fewer than three to compare with, everything is', () => {
  expect(seen(1, 1).isOdd(1)).toBe(true);
  expect(seen(1, 1, 1).isOdd(1)).toBe(false);
});

test.each([
  [100, true],
  [10.1, true],
  [9.9, false],
  [0.11, false],
  [0.09, true],
  [0, true],
  [Number.NaN, true],
])('beside a median of 1, %d is odd: %s', (norm, odd) => {
  expect(seen(0.5, 1, 3).isOdd(norm)).toBe(odd);
});

test('a few that are far too large do not move the median', () => {
  expect(seen(1, 1, 1, 1000, 1000).isOdd(100)).toBe(true);
});

test('what counted long ago is forgotten: gradients shrink as a model learns', () => {
  const norms = seen(...new Array<number>(100).fill(1000), ...new Array<number>(32).fill(1));
  expect(norms.isOdd(1)).toBe(false);
  expect(norms.isOdd(1000)).toBe(true);
});

test('after going back there is nothing to compare with', () => {
  const norms = seen(1, 1, 1);
  norms.clear();
  expect(norms.isOdd(1)).toBe(true);
});
