/** How many connections there may be, of an address and in all, on a clock of the test's own. */
import { expect, test } from 'vitest';
import { type Guest, Guests } from '../../../coordinator/door/guests.ts';

/** Those let in of so many connections that ask at once; `ended` gets the numbers of those that had to make way. */
function admitted(guests: Guests, address: string, asked: number, now: number, ended: number[] = []): Guest[] {
  return Array.from({ length: asked }, (_, i) => guests.enter(address, now, () => ended.push(i))).filter(
    (guest) => guest !== null,
  );
}

test('a flood from one address is cut off, another address is not, and the allowance comes back with time', () => {
  const guests = new Guests();
  expect(admitted(guests, 'a', 3000, 0).length).toBe(1024);
  expect(admitted(guests, 'b', 10, 0).length).toBe(10);
  expect(admitted(guests, 'a', 1000, 1000).length).toBe(128);
  expect(admitted(guests, 'a', 1000, 1000).length).toBe(0);
});

test('an address holds so many at a time and no more, until some leave', () => {
  const guests = new Guests();
  const held: Guest[] = [];
  for (let second = 0; second < 100; second++) held.push(...admitted(guests, 'a', 1000, second * 1000));
  expect(held.length).toBe(4096);
  held[7]?.leave();
  held[7]?.leave();
  expect(admitted(guests, 'a', 10, 200_000).length).toBe(1);
});

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:0:0:9', true],
  ['2001:db8::1', '2001:db8:0:0:5::', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['2001::5:6:7:8:9', '2001:0:0:5::', true],
  ['::1', '::2', true],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
])('%s and %s are one network: %s', (a, b, same) => {
  const guests = new Guests();
  expect(admitted(guests, a, 2000, 0).length).toBe(1024);
  expect(admitted(guests, b, 10, 0).length).toBe(same ? 0 : 10);
});

test('strangers make way for newcomers, the oldest first; whoever is known does not', () => {
  const guests = new Guests();
  const ended: number[] = [];
  let open = 0;
  for (let i = 0; i < 8; i++) {
    const from = admitted(guests, `a${i}`, 1024, 0, ended);
    open += from.length;
    // The very first is a worker that has said hello.
    if (i === 0) from[0]?.welcome();
  }
  expect(open).toBe(8192);
  expect(ended).toEqual([]);
  expect(admitted(guests, 'b', 3, 0).length).toBe(3);
  expect(ended).toEqual([1, 2, 3]);
});

test('where nobody is a stranger, nobody more is let in', () => {
  const guests = new Guests();
  for (let i = 0; i < 8; i++) for (const guest of admitted(guests, `a${i}`, 1024, 0)) guest.welcome();
  const [last] = admitted(guests, 'b', 1, 0);
  expect(last).toBeUndefined();
});
