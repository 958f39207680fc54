/** Counting: a few words by hand, and what must hold of any; the lecture's numbers are in published.test.ts. */
import { describe, expect, test } from 'vitest';
import { Vocabulary } from '../../../core/data/vocabulary.ts';
import { count, countOf, distance, likelihood, pairs, probabilities } from '../../../models/bigram/counting.ts';

const words = ['ab', 'a', 'abb'];
const vocabulary = Vocabulary.fromLines(words);
const counts = count(words, vocabulary);
const plain = (table: readonly Float64Array[]) => table.map((row) => [...row]);

test('counts of words by hand: rows and columns ., a, b', () => {
  expect(plain(counts)).toEqual([
    [0, 3, 0],
    [1, 0, 2],
    [2, 0, 1],
  ]);
  expect(['.a', 'ab', 'b.', 'ba'].map((pair) => countOf(pair, counts, vocabulary))).toEqual([3, 2, 2, 0]);
});

describe('probabilities', () => {
  test('are counts over the row’s sum', () => {
    const [begin, a] = plain(probabilities(counts));
    expect(begin).toEqual([0, 1, 0]);
    expect(a).toEqual([1 / 3, 0, 2 / 3]);
  });

  test('have something added to every count, zeros too', () => {
    expect(plain(probabilities(counts, 1))[0]).toEqual([1 / 6, 4 / 6, 1 / 6]);
    // The more is added, the nearer to equal.
    for (const p of probabilities(counts, 1e9)[0]) expect(p).toBeCloseTo(1 / 3, 6);
  });

  test('are none, not NaN, of a character that nothing follows', () => {
    const wider = new Vocabulary('abc');
    expect(plain(probabilities(count(words, wider)))[3]).toEqual([0, 0, 0, 0]);
    expect(plain(probabilities(count(words, wider), 1))[3]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});

describe('likelihood', () => {
  const model = probabilities(counts);

  test('is the sum of the logarithms of a word’s pairs', () => {
    expect(pairs(['ab'], vocabulary, model)).toEqual([
      { pair: '.a', probability: 1, log: 0 },
      { pair: 'ab', probability: 2 / 3, log: Math.log(2 / 3) },
      { pair: 'b.', probability: 2 / 3, log: Math.log(2 / 3) },
    ]);
    const { log, bigrams, loss } = likelihood(['ab', 'a'], vocabulary, model);
    expect(log).toBeCloseTo(2 * Math.log(2 / 3) + Math.log(1 / 3), 12);
    expect(bigrams).toBe(5);
    expect(loss).toBeCloseTo(-log / 5, 12);
  });

  test('of an impossible word is nothing at all, unless one was added', () => {
    expect(likelihood(['ba'], vocabulary, model)).toEqual({ log: -Infinity, bigrams: 3, loss: Infinity });
    expect(likelihood(['ba'], vocabulary, probabilities(counts, 1)).loss).toBeGreaterThan(0);
    expect(Number.isFinite(likelihood(['ba'], vocabulary, probabilities(counts, 1)).loss)).toBe(true);
  });

  test('of a character that there is not is refused', () => {
    expect(() => likelihood(['az'], vocabulary, model)).toThrow('"z"');
  });
});

test('the distance of two models is what they share, weighted by how often it is asked for', () => {
  const model = probabilities(counts);
  expect(distance(counts, model, model)).toBe(0);
  const opposite = model.map((row) => row.map((_, j) => (j === 1 ? 0 : 0.5)));
  // Row "." has nothing in common with its opposite, row "a" has 1/3 + 1/2, row "b" 1/2 + 1/3; each is asked three times.
  expect(distance(counts, model, opposite)).toBeCloseTo((1 + 1 / 6 + 1 / 6) / 3, 12);
});
