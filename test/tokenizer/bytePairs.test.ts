// Encoding by merges: the two fast ways, for short chunks and for long ones, against the lecture's plain one.
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { BytePairs } from '../../core/tokenizer/merging/bytePairs.ts';
import { IdList } from '../../core/tokenizer/merging/idList.ts';
import { encodePlainly, learnPlainly, type Pair } from '../../core/tokenizer/merging/pairs.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { anyText, fewLetters } from './strings.ts';

const encode = (pairs: BytePairs, bytes: Uint8Array): number[] => {
  const list = new IdList();
  pairs.encode(bytes, 0, bytes.length, list);
  return [...list.take()];
};

test('the example: aaabdaaabac', () => {
  const tokenizer = BasicTokenizer.train('aaabdaaabac', 259);
  expect(tokenizer.pairs.merges).toEqual([
    [97, 97],
    [256, 97],
    [257, 98],
  ]);
  expect([...tokenizer.encode('aaabdaaabac')]).toEqual([258, 100, 258, 97, 99]);
  expect(tokenizer.decode([258, 100, 258, 97, 99])).toBe('aaabdaaabac');
});

describe('is the plain way', () => {
  // Short chunks and long ones go two ways, which part at 48 bytes.
  test.each([
    ['short', fewLetters(40)],
    ['about as long as parts the two ways', fewLetters(60)],
    ['long', fewLetters(400)],
    ['any text', anyText(60)],
  ])('%s', (_, text) => {
    fc.assert(
      fc.property(fewLetters(80), fc.nat(40), text, (learnt, count, given) => {
        const merges = learnPlainly([toBytes(learnt)], count);
        const bytes = toBytes(given);
        expect(encode(new BytePairs({ merges }), bytes)).toEqual(encodePlainly(bytes, merges));
      }),
      { numRuns: 600 },
    );
  });

  test('with ids of bytes that are permuted, and gaps between the ids of merges', () => {
    fc.assert(
      fc.property(fewLetters(80), fewLetters(200), (learnt, text) => {
        const merges = learnPlainly([toBytes(learnt)], 20);
        const renamed = (id: number) => (id < 256 ? 255 - id : 1000 + 3 * id);
        const pairs = new BytePairs({
          merges: merges.map(([left, right]) => [renamed(left), renamed(right)]),
          byteIds: Array.from({ length: 256 }, (_, byte) => renamed(byte)),
          mergeIds: merges.map((_, rank) => renamed(256 + rank)),
        });
        const bytes = toBytes(text);
        expect(encode(pairs, bytes)).toEqual(encodePlainly(bytes, merges).map(renamed));
      }),
      { numRuns: 500 },
    );
  });
});

const SWIFT = '../shared/data/taylorswift.txt';
test.skipIf(!existsSync(SWIFT))(`a whole text as one chunk (skipped where ${SWIFT} is absent)`, () => {
  const bytes = readFileSync(SWIFT).subarray(0, 20_000);
  const merges = learnPlainly([bytes], 40);
  expect(encode(new BytePairs({ merges }), bytes)).toEqual(encodePlainly(bytes, merges));
});

test('chunks made to hurt end: one letter 300,000 times, and merges that all apply', () => {
  const many = 'a'.repeat(300_000);
  // Each merge doubles the one before.
  const merges: Pair[] = [[97, 97]];
  for (let i = 1; i < 18; i++) merges.push([255 + i, 255 + i]);
  const tokenizer = new BasicTokenizer(merges);
  const ids = [...tokenizer.encode(many)];
  // 300,000 is 262,144 and what is left of it, in powers of two.
  expect(ids.map((id) => tokenizer.bytesOf(id).length)).toEqual([262_144, 32_768, 4096, 512, 256, 128, 64, 32]);
  expect(tokenizer.decode(ids)).toBe(many);
  expect(tokenizer.count(many)).toBe(ids.length);
});

describe('vocabularies that are none', () => {
  test.each<[string, ConstructorParameters<typeof BytePairs>[0], string]>([
    [
      'of what is not made yet',
      { merges: [[97, 256]] },
      'merge 0, of 97 and 256, is of a token that no earlier merge has made',
    ],
    ['of the same id twice', { merges: [[97, 98]], mergeIds: [97] }, 'the token 97 is given twice'],
    [
      'of the same merge twice',
      {
        merges: [
          [97, 98],
          [97, 98],
        ],
      },
      'the merge of 97 and 98 is listed twice',
    ],
    ['of too few ids', { merges: [[97, 98]], mergeIds: [] }, 'merge 0, of 97 and 98, is of a token'],
    [
      'of an id that is too large',
      { merges: [[97, 98]], mergeIds: [2 ** 22] },
      'the token 4194304 has an id above 4194303',
    ],
  ])('%s', (_, parts, message) => {
    expect(() => new BytePairs(parts)).toThrow(UserError);
    expect(() => new BytePairs(parts)).toThrow(message);
  });
});

test('bytes that are no UTF-8 become U+FFFD, and a byte-order mark stays', () => {
  const tokenizer = new BasicTokenizer([]);
  expect(tokenizer.decode([0x80])).toBe('\ufffd');
  expect(tokenizer.decode([0xf0, 0x9f, 0x98, 0x41])).toBe('\ufffdA');
  expect(tokenizer.decode(tokenizer.encode('\ufeffa'))).toBe('\ufeffa');
  expect([...tokenizer.encode('\ud83d')]).toEqual([0xef, 0xbf, 0xbd]);
  expect(() => tokenizer.decode([256])).toThrow(new RangeError('256 is no token of this vocabulary of 256'));
});
