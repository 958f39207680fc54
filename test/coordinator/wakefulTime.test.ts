/** Time goes on as the clock does, but for gaps in which nobody can have looked at it. */
import { expect, test } from 'vitest';
import { WakefulTime } from '../../coordinator/wakefulTime.ts';

test('time passes as on the clock, from wherever it starts', () => {
  const time = new WakefulTime();
  expect([5_000_000, 5_000_100, 5_000_100, 5_001_900].map((now) => time.at(now))).toEqual([
    5_000_000, 5_000_100, 5_000_100, 5_001_900,
  ]);
});

test('of an hour asleep, hardly anything counts, and what comes after it does', () => {
  const time = new WakefulTime();
  const before = time.at(1000);
  const woken = time.at(1000 + 3_600_000);
  expect(woken - before).toBeLessThan(5000);
  expect(time.at(1000 + 3_600_000 + 700) - woken).toBe(700);
});
