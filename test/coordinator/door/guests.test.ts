/** How many connections an address may hold and open, on a clock of the test's own. */
import { expect, test } from 'vitest';
import { Guests } from '../../../coordinator/door/guests.ts';

/** Connections let in of so many asked for at once. */
function admitted(guests: Guests, address: string, asked: number, now: number): number {
  let count = 0;
  for (let i = 0; i < asked; i++) if (guests.enter(address, now)) count++;
  return count;
}

test('a flood from one address is cut off, another address is not, and the allowance comes back with time', () => {
  const guests = new Guests();
  expect(admitted(guests, 'a', 3000, 0)).toBe(1024);
  expect(admitted(guests, 'b', 10, 0)).toBe(10);
  expect(admitted(guests, 'a', 1000, 1000)).toBe(128);
  expect(admitted(guests, 'a', 1000, 1000)).toBe(0);
});

test('an address holds so many at a time and no more, until some leave', () => {
  const guests = new Guests();
  let held = 0;
  for (let second = 0; second < 100; second++) held += admitted(guests, 'a', 1000, second * 1000);
  expect(held).toBe(4096);
  guests.leave('a');
  expect(admitted(guests, 'a', 10, 200_000)).toBe(1);
});
