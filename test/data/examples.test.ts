// Splits, contexts, batches, and makemore's own figures on its own file.
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contexts } from '../../core/data/contexts.ts';
import { loadLines } from '../../core/data/load.ts';
import { batchIndices, gather } from '../../core/data/sampler.ts';
import { MIN_LINES, splitLines } from '../../core/data/split.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import { UserError } from '../../core/errors.ts';

const lowerCase = new Vocabulary('abcdefghijklmnopqrstuvwxyz');
const words = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 30 });

describe('contexts', () => {
  test('"emma" as in the lecture', () => {
    const { x, y, count } = contexts(['emma'], lowerCase, 3);
    const rows = Array.from({ length: count }, (_, i) => lowerCase.decode(x.subarray(i * 3, i * 3 + 3)));
    expect(rows).toEqual(['...', '..e', '.em', 'emm', 'mma']);
    expect(lowerCase.decode(y)).toBe('emma.');
  });

  test('every context is the blockSize tokens before its target', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 10 }), (lines, blockSize) => {
        const { x, y, count } = contexts(lines, lowerCase, blockSize);
        const pairs = lines.flatMap((line) => {
          const padded = `${'.'.repeat(blockSize)}${line}.`;
          return Array.from({ length: line.length + 1 }, (_, i) => [
            padded.slice(i, i + blockSize),
            padded[i + blockSize],
          ]);
        });
        expect(count).toBe(pairs.length);
        expect([x.length, y.length]).toEqual([count * blockSize, count]);
        for (const [i, [context, target]] of pairs.entries()) {
          expect(lowerCase.decode(x.subarray(i * blockSize, (i + 1) * blockSize))).toBe(context);
          expect(lowerCase.decode(y.subarray(i, i + 1))).toBe(target);
        }
      }),
    );
  });

  test('blockSize must be a positive integer', () => {
    for (const blockSize of [0, -1, 1.5]) expect(() => contexts(['a'], lowerCase, blockSize)).toThrow(RangeError);
  });
});

describe('split', () => {
  test('no line is lost or doubled, and the cuts are at 80 % and 90 %', () => {
    fc.assert(
      fc.property(fc.integer({ min: MIN_LINES, max: 300 }), fc.maxSafeInteger(), (n, seed) => {
        const lines = Array.from({ length: n }, (_, i) => String(i));
        const { train, val, test } = splitLines(lines, seed);
        expect([train.length, train.length + val.length]).toEqual([Math.floor(0.8 * n), Math.floor(0.9 * n)]);
        expect([...train, ...val, ...test].toSorted()).toEqual(lines.toSorted());
        expect(Math.min(val.length, test.length)).toBeGreaterThan(0);
      }),
    );
  });

  test('the seed decides, and only it', () => {
    const lines = Array.from({ length: 100 }, (_, i) => String(i));
    expect(splitLines(lines, 42)).toEqual(splitLines(lines, 42));
    expect(splitLines(lines, 42)).not.toEqual(splitLines(lines, 43));
    expect(splitLines(lines, 42).val).toEqual(['79', '52', '39', '36', '69', '95', '66', '46', '61', '73']);
  });

  test('too few lines', () => {
    expect(() => splitLines(['a'], 1)).toThrow('1 line is too few to split into training, validation and test sets');
    expect(() => splitLines(['a', 'b', 'c', 'd', 'e'], 1)).toThrow(/5 lines are too few .*: give at least 6\./);
    expect(() => splitLines([], 1)).toThrow(UserError);
  });
});

describe('batches', () => {
  test('golden values', () => {
    expect([...batchIndices(42, 3, 8, 228_146)]).toEqual([
      66480, 187035, 116083, 131940, 143447, 43532, 177564, 176186,
    ]);
  });

  test('place i depends on (seed, step, i) and not on the batch size', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(), fc.nat(40), fc.nat(40), (seed, step, a, b) => {
        const long = batchIndices(seed, step, a + b, 1000);
        expect(batchIndices(seed, step, a, 1000)).toEqual(long.subarray(0, a).slice());
      }),
    );
    expect(batchIndices(1, 1, 8, 1000)).not.toEqual(batchIndices(1, 2, 8, 1000));
    expect(batchIndices(1, 1, 8, 1000)).not.toEqual(batchIndices(2, 1, 8, 1000));
  });

  test('drawn with replacement over the whole range', () => {
    const drawn = new Set(batchIndices(5, 0, 1000, 100));
    expect(drawn.size).toBe(100);
    expect(Math.max(...drawn)).toBe(99);
  });

  test('places and indices out of range are refused', () => {
    const examples = contexts(['ab'], lowerCase, 2);
    expect(() => gather(examples, Uint32Array.of(0, 1), 1, 3)).toThrow(/places 1 to 3/);
    expect(() => gather(examples, Uint32Array.of(3), 0, 1)).toThrow('example 3 is not among 3');
  });
});

test('the built-in names: 212,822 examples over 27 symbols', async () => {
  const { lines, numbers } = await loadLines('names');
  const vocabulary = Vocabulary.fromLines(lines, numbers);
  expect(vocabulary.symbols).toEqual(lowerCase.symbols);
  expect(contexts(lines, vocabulary, 3).count).toBe(212_822);
});

const MAKEMORE = '../shared/data/names.txt';
test.skipIf(!existsSync(MAKEMORE))(`makemore's names.txt (skipped where ${MAKEMORE} is absent)`, async () => {
  const { lines, numbers } = await loadLines(MAKEMORE);
  expect(lines.length).toBe(32_033);
  const vocabulary = Vocabulary.fromLines(lines, numbers);
  expect(vocabulary.vocabSize).toBe(27);
  const { x, y, count } = contexts(lines, vocabulary, 3);
  expect(count).toBe(228_146);
  // As the lecture prints them for "emma" and the beginning of "olivia".
  expect([...x.subarray(0, 18)]).toEqual([0, 0, 0, 0, 0, 5, 0, 5, 13, 5, 13, 13, 13, 13, 1, 0, 0, 0]);
  expect([...y.subarray(0, 6)]).toEqual([5, 13, 13, 1, 0, 15]);
  const { train, val, test } = splitLines(lines, 42);
  expect([train.length, val.length, test.length]).toEqual([25_626, 3_203, 3_204]);
});
