// Learning merges: without counting anew, and yet the same as by counting anew each time.
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { learnMerges } from '../../core/tokenizer/merging/learnMerges.ts';
import { learnPlainly } from '../../core/tokenizer/merging/pairs.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { ChunkCounts, type ExportedCounts } from '../../core/tokenizer/splitting/chunkCounts.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { GPT4_PATTERN, gpt4Splitter } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { chunksOf, safeCut, splitterOf } from '../../core/tokenizer/splitting/patterns.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { anyText, fewLetters } from './strings.ts';

/** Distinct chunks, and their counts. */
const distinct = (texts: readonly string[]): [Uint8Array, number][] => {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return Array.from(counts, ([text, count]) => [toBytes(text), count]);
};

describe('is the plain learner', () => {
  test('on one chunk, where many pairs are as frequent as each other', () => {
    fc.assert(
      fc.property(fewLetters(120), (text) => {
        expect(learnMerges([[toBytes(text), 1]], 60)).toEqual(learnPlainly([toBytes(text)], 60));
      }),
      { numRuns: 2000 },
    );
  });

  test('on chunks that occur once or often', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fewLetters(12), fc.integer({ min: 1, max: 4 })), { maxLength: 20 }), (given) => {
        const chunks = given.map(([text, count]): [Uint8Array, number] => [toBytes(text), count]);
        expect(learnMerges(chunks, 60)).toEqual(
          learnPlainly(
            chunks.map(([bytes]) => bytes),
            60,
            chunks.map(([, count]) => count),
          ),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('to count distinct chunks is to count all of them', () => {
    fc.assert(
      fc.property(fewLetters(200), (text) => {
        const chunks = [...chunksOf(gpt4Splitter, text)];
        expect(learnMerges(distinct(chunks), 40)).toEqual(learnPlainly(chunks.map(toBytes), 40));
        expect(RegexTokenizer.train(text, 296).pairs.merges).toEqual(learnPlainly(chunks.map(toBytes), 40));
      }),
      { numRuns: 500 },
    );
  });
});

test('of pairs of one count, the one that is met first wins', () => {
  expect(learnMerges([[toBytes('xyabyxab'), 1]], 1)).toEqual([[97, 98]]);
  expect(learnMerges([[toBytes('cdab'), 1]], 3)).toEqual([
    [99, 100],
    [256, 97],
    [257, 98],
  ]);
});

test('learns no more than there are pairs, and says how far it is', () => {
  const told: [number, number][] = [];
  expect(learnMerges([[toBytes('abab'), 3]], 10, (merges, count) => told.push([merges, count]))).toHaveLength(2);
  expect(told).toEqual([
    [1, 6],
    [2, 3],
  ]);
  expect(learnMerges([], 5)).toEqual([]);
  expect(learnMerges([[toBytes('a'), 9]], 5)).toEqual([]);
  expect(learnMerges([[toBytes('abab'), 3]], 0)).toEqual([]);
});

const SWIFT = '../shared/data/taylorswift.txt';
describe.skipIf(!existsSync(SWIFT))(`the lecture's text (skipped where ${SWIFT} is absent)`, () => {
  test('its first 64 merges of the whole text, and all 256 of its chunks, are those of the plain learner', () => {
    const text = readFileSync(SWIFT, 'utf8');
    const chunks = distinct([...chunksOf(gpt4Splitter, text)]);
    expect(learnMerges([[toBytes(text), 1]], 64)).toEqual(learnPlainly([toBytes(text)], 64));
    expect(learnMerges(chunks, 256)).toEqual(
      learnPlainly(
        chunks.map(([bytes]) => bytes),
        256,
        chunks.map(([, count]) => count),
      ),
    );
  });
});

describe('counting chunks', () => {
  const counted = (counts: ChunkCounts) =>
    Array.from(counts.entries(), ([bytes, n]) => [Buffer.from(bytes).toString('hex'), n]);

  test('each distinct chunk, in the order in which they are met', () => {
    const counts = new ChunkCounts(splitterOf(GPT2_PATTERN));
    counts.add('a b a');
    counts.add('b\ud83d b');
    expect(counted(counts)).toEqual([
      ['61', 1],
      ['2062', 2],
      ['2061', 1],
      ['62', 1],
      ['efbfbd', 1],
    ]);
    expect(counts.size).toBe(5);
  });

  test('is that of a map, of many chunks, and of one that is long', () => {
    const words = Array.from({ length: 40_000 }, (_, i) => ` ${((i * 7919) % 30_011).toString(36)}x`);
    const text = `${words.join('')} ${'y'.repeat(100_000)}`;
    const counts = new ChunkCounts(gpt4Splitter);
    counts.add(text);
    expect(counted(counts)).toEqual(
      distinct([...chunksOf(gpt4Splitter, text)]).map(([bytes, n]) => [Buffer.from(bytes).toString('hex'), n]),
    );
  });

  test.each([GPT2_PATTERN, GPT4_PATTERN])(
    'parts, cut where it is sure and merged in their order, are the whole: %s',
    (pattern) => {
      const splitter = splitterOf(pattern);
      fc.assert(
        fc.property(fc.array(anyText(20), { maxLength: 6 }), (texts) => {
          const whole = new ChunkCounts(splitter);
          whole.add(texts.join(''));
          const parts: ExportedCounts[] = [];
          let rest = '';
          for (const [i, text] of texts.entries()) {
            rest += text;
            const end = i === texts.length - 1 ? rest.length : safeCut(splitter, rest);
            const part = new ChunkCounts(splitter);
            part.add(rest.slice(0, end));
            parts.push(structuredClone(part.exported()));
            rest = rest.slice(end);
          }
          const merged = new ChunkCounts(splitter);
          for (const part of parts) merged.merge(part);
          expect(counted(merged)).toEqual(counted(whole));
          expect(merged.exported()).toEqual(whole.exported());
        }),
        { numRuns: 2000 },
      );
    },
  );
});
