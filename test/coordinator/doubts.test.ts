/** What is kept of a doubted result, and what agrees with it: the same bits where all compute the same, nearly the same where not. */
import { describe, expect, test } from 'vitest';
import { Doubts, TOLERANCE } from '../../coordinator/doubts.ts';
import type { Result } from '../../core/protocol/work.ts';

const result = (changes: Partial<Result> = {}): Result => ({
  round: 3,
  lo: 4,
  size: 2,
  losses: [1.5, 2.5],
  counts: [8, 8],
  gradient: Float32Array.from({ length: 100 }, (_, i) => Math.fround(Math.sin(i))),
  statistics: Float32Array.of(8, 0.25, 1),
  ...changes,
});

/** All numbers of a vector, each off by a part of itself. */
const off = (values: Float32Array, by: number) => values.map((value, i) => value * (1 + (i % 2 === 0 ? by : -by)));

const CHANGES: Readonly<Record<string, Partial<Result>>> = {
  'a loss': { losses: [1.5, 2.5 + 1e-12] },
  'a gradient': { gradient: result().gradient.with(99, 0.5) },
  'the sign of a zero': { gradient: result().gradient.with(0, -0) },
  statistics: { statistics: Float32Array.of(8, 0.25, 1.0000001) },
};

describe('where all workers compute the same bits', () => {
  test.each(Object.entries(CHANGES))('%s in which a bit differs does not agree', (_, change) => {
    const doubts = new Doubts(true);
    doubts.keep(7, result());
    expect(doubts.agrees(result(change))).toBe(false);
  });

  test('the same agrees, though the memory that it came in is used again', () => {
    const doubts = new Doubts(true);
    const given = result();
    doubts.keep(7, given);
    given.gradient.fill(0);
    expect(doubts.agrees(result())).toBe(true);
  });
});

describe('where they do not', () => {
  test.each([
    [0.5 * TOLERANCE, true],
    [2 * TOLERANCE, false],
  ])('a gradient that is off by %d agrees: %s', (by, agrees) => {
    const doubts = new Doubts(false);
    doubts.keep(7, result({ gradient: off(result().gradient, by) }));
    expect(doubts.agrees(result())).toBe(agrees);
  });

  test.each([
    [0.5 * TOLERANCE, true],
    [2 * TOLERANCE, false],
  ])('a loss that is off by %d agrees: %s', (by, agrees) => {
    const doubts = new Doubts(false);
    doubts.keep(7, result({ losses: [1.5, 2.5 * (1 + by)] }));
    expect(doubts.agrees(result())).toBe(agrees);
  });

  test('zeros agree with nothing but zeros', () => {
    const doubts = new Doubts(false);
    doubts.keep(7, result({ gradient: new Float32Array(100) }));
    expect(doubts.agrees(result())).toBe(false);
    expect(doubts.agrees(result({ gradient: new Float32Array(100) }))).toBe(true);
  });
});

test('a block is known by its round, place and size, and what was kept ends with the round', () => {
  const doubts = new Doubts(true);
  doubts.keep(7, result());
  expect(doubts.holderOf(result())).toBe(7);
  for (const other of [result({ round: 4 }), result({ lo: 6 }), result({ size: 1 })])
    expect([doubts.agrees(other), doubts.holderOf(other)]).toEqual([null, null]);
  doubts.keep(8, result({ losses: [0, 0] }));
  expect([doubts.agrees(result()), doubts.holderOf(result())]).toEqual([false, 8]);
  doubts.clear();
  expect(doubts.agrees(result())).toBeNull();
});
