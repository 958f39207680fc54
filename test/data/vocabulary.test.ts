import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BOUNDARY_ID, Vocabulary } from '../../core/data/vocabulary.ts';
import { UserError } from '../../core/errors.ts';
import { MAX_IDS } from '../../core/tokenizer/character.ts';

const word = fc.string({ unit: 'binary', minLength: 1 }).filter((line) => !line.includes('.'));

test('the boundary is 0 and the characters follow by code point', () => {
  const vocabulary = Vocabulary.fromLines(['emma', 'ava', 'z\u{ff21}\u{1f600}é']);
  expect(vocabulary.symbols).toEqual(['.', 'a', 'e', 'm', 'v', 'z', 'é', '\u{ff21}', '\u{1f600}']);
  expect(vocabulary.vocabSize).toBe(9);
  expect([...vocabulary.encode('emma')]).toEqual([2, 3, 3, 1]);
  expect(vocabulary.decode([BOUNDARY_ID, 2, 3, 3, 1, BOUNDARY_ID])).toBe('.emma.');
});

test('words survive encoding and decoding, and a rebuilt vocabulary is the same', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (lines) => {
      const vocabulary = Vocabulary.fromLines(lines);
      expect(lines.map((line) => vocabulary.decode(vocabulary.encode(line)))).toEqual(lines);
      expect(new Vocabulary(vocabulary.symbols.slice(1)).symbols).toEqual(vocabulary.symbols);
    }),
  );
});

describe('errors say where, what and how to mend it', () => {
  const abc = new Vocabulary('abc');
  test('a boundary in the text', () => {
    const message = 'line 2, "b.c", has a ".", which marks the beginning and end of every word: replace it';
    expect(() => Vocabulary.fromLines(['a', 'b.c'])).toThrow(message);
    expect(() => Vocabulary.fromLines(['a', 'b.c'], [3, 7])).toThrow('line 7, "b.c",');
    expect(() => abc.encode('a.')).toThrow('"a." has a "."');
  });
  test('an unknown character', () => {
    expect(() => abc.encode('axb', 'none', 12)).toThrow(
      'line 12, "axb", has the character "x" (U+0078), which is not among the 3 of the vocabulary: remove it',
    );
    expect(() => abc.encode('\u{1f600}')).toThrow('U+1F600');
    expect(() => abc.encode('x')).toThrow(UserError);
  });
  test('bad vocabularies', () => {
    expect(() => new Vocabulary('aba')).toThrow('"a" (U+0061) twice');
    expect(() => new Vocabulary('a.')).toThrow('"." (U+002E) twice');
    expect(() => new Vocabulary(['ab'])).toThrow('not one character');
    expect(() => new Vocabulary('')).toThrow('at least one');
    expect(() => abc.decode([4])).toThrow(RangeError);
  });
});

test('65,535 symbols are the most', () => {
  const characters = Array.from({ length: MAX_IDS }, (_, i) => String.fromCodePoint(0x10000 + i));
  expect(new Vocabulary(characters.slice(1)).vocabSize).toBe(MAX_IDS);
  expect([...new Vocabulary(characters.slice(1)).encode(characters.at(-1) ?? '')]).toEqual([MAX_IDS - 1]);
  expect(() => new Vocabulary(characters)).toThrow(/65536 distinct characters, more than the 65535/);
});
