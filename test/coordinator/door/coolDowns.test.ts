/** How long offenders stay away, on a clock of the test's own. */
import { expect, test } from 'vitest';
import { CoolDowns } from '../../../coordinator/door/coolDowns.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test('each offence doubles it, up to a day, whatever the one before was', () => {
  const coolDowns = new CoolDowns();
  let now = 0;
  const times = Array.from({ length: 16 }, () => {
    const ms = coolDowns.offend('a', 'misbehaved', now);
    expect(coolDowns.left('a', now)).toBe(ms);
    now += ms;
    expect(coolDowns.left('a', now)).toBe(0);
    return ms / 1000;
  });
  expect(times.slice(0, 5)).toEqual([10, 20, 40, 80, 160]);
  expect(times.slice(-2)).toEqual([DAY / 1000, DAY / 1000]);
  expect(coolDowns.offend('b', 'lied', 0)).toBe(10 * MINUTE);
  expect(coolDowns.offend('b', 'misbehaved', 20 * MINUTE)).toBe(20_000);
  expect(coolDowns.offend('b', 'lied', 30 * MINUTE)).toBe(40 * MINUTE);
});

test('a small offence does not shorten the time for a large one', () => {
  const coolDowns = new CoolDowns();
  coolDowns.offend('a', 'lied', 0);
  coolDowns.offend('a', 'misbehaved', 1000);
  expect(coolDowns.left('a', 1000)).toBe(10 * MINUTE - 1000);
});

test('it is forgotten a day after it was over, not sooner; a dismissal never', () => {
  const coolDowns = new CoolDowns();
  for (let i = 0; i < 3; i++) coolDowns.offend('a', 'misbehaved', 0);
  coolDowns.dismiss('b');
  const over = 40_000;
  expect(coolDowns.offend('a', 'misbehaved', over + DAY)).toBe(80_000);
  expect(coolDowns.offend('a', 'misbehaved', over + DAY + 80_000 + DAY + 1)).toBe(10_000);
  expect(coolDowns.left('b', 1000 * DAY)).toBe(Number.POSITIVE_INFINITY);
});

test('those who make up names for it fill no memory, and do not wash off a dismissal', () => {
  const coolDowns = new CoolDowns();
  coolDowns.dismiss('kicked');
  coolDowns.offend('first', 'lied', 0);
  for (let i = 0; i < 20_000; i++) coolDowns.offend(`w${i}`, 'misbehaved', 1);
  expect(coolDowns.left('first', 1)).toBe(0);
  expect(coolDowns.left('w19999', 1)).toBe(10_000);
  expect(coolDowns.left('kicked', 1)).toBe(Number.POSITIVE_INFINITY);
});
