/** Training a SentencePiece-style vocabulary: piece for piece that of the real SentencePiece, and its options. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { readSentencePieceModel } from '../../core/tokenizer/sentencePiece/model.ts';
import { type SentencePieceOptions, trainSentencePiece } from '../../core/tokenizer/sentencePiece/train.ts';

const FOLDER = 'test/fixtures/sentencepiece';
const TEXT = readFileSync(`${FOLDER}/toy.txt`, 'utf8');

/** The options of make.py. */
const MODELS: Record<string, SentencePieceOptions> = {
  lecture: { vocabSize: 440 },
  unknown: { vocabSize: 300, byteFallback: false },
  others: {
    vocabSize: 300,
    byteFallback: false,
    removeExtraWhitespaces: true,
    splitDigits: false,
    characterCoverage: 0.99,
    allowWhitespaceOnlyPieces: false,
    padId: 3,
    controlSymbols: ['[SEP]'],
    userDefinedSymbols: ['<br>', 'the'],
  },
  spanning: {
    vocabSize: 460,
    addDummyPrefix: false,
    splitByWhitespace: false,
    splitByUnicodeScript: false,
    splitByNumber: false,
    splitDigits: false,
  },
};

for (const [name, options] of Object.entries(MODELS))
  test(`the vocabulary is that of the real SentencePiece (${name})`, () => {
    const real = readSentencePieceModel(readFileSync(`${FOLDER}/${name}.model`), name);
    const { pieces, ...how } = trainSentencePiece(TEXT, options).parts;
    const shown = (list: typeof pieces) => list.map(({ text, score, kind }) => `${text} ${score + 0} ${kind}`);
    expect(shown(pieces)).toEqual(shown(real.parts.pieces));
    expect({ ...how, pieces: real.parts.pieces }).toEqual(real.parts);
  });

describe('the order of the vocabulary, as the lecture shows it', () => {
  const { pieces } = trainSentencePiece(TEXT, { vocabSize: 440 }).parts;

  test('symbols, 256 bytes, merged pieces, single characters', () => {
    expect(pieces.slice(0, 4).map(({ text }) => text)).toEqual(['<unk>', '<s>', '</s>', '<0x00>']);
    expect(pieces[258].text).toBe('<0xFF>');
    const lengths = pieces.slice(259).map(({ text }) => [...text].length);
    const firstSingle = lengths.indexOf(1);
    expect(firstSingle).toBeGreaterThan(0);
    expect(lengths.slice(0, firstSingle).every((length) => length > 1)).toBe(true);
    expect(lengths.slice(firstSingle).every((length) => length === 1)).toBe(true);
  });

  test('progress is told of each merged piece, which are ever rarer', () => {
    const counts: number[] = [];
    trainSentencePiece(TEXT, { vocabSize: 440 }, (pieces, count) => {
      counts.push(count);
      expect(counts).toHaveLength(pieces);
    });
    expect(counts.length).toBeGreaterThan(20);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
  });
});

test('where no pair is left, the vocabulary is smaller', () => {
  expect(trainSentencePiece('ab ab', { vocabSize: 1000, byteFallback: false }).vocabSize).toBeLessThan(20);
});

test('digits, scripts and spaces part pieces only where the options say so', () => {
  const learned = (options: Partial<SentencePieceOptions>) =>
    trainSentencePiece('aж1 aж1 aж1    x    x    x', { vocabSize: 60, byteFallback: false, ...options })
      .parts.pieces.filter(({ text, kind }) => kind === 'normal' && [...text].length > 1)
      .map(({ text }) => text);
  expect(learned({ splitByUnicodeScript: false, splitDigits: false })).toContain('\u2581aж1');
  expect(learned({ splitByUnicodeScript: false })).toContain('\u2581aж');
  expect(learned({})).not.toContain('aж');
  expect(learned({})).toContain('\u2581\u2581');
  expect(learned({ allowWhitespaceOnlyPieces: false })).not.toContain('\u2581\u2581');
  expect(learned({ maxPieceLength: 2, splitByUnicodeScript: false }).every((text) => [...text].length <= 2)).toBe(true);
});

test('the rarest characters are left out until the coverage is reached, and become bytes', () => {
  const tokenizer = trainSentencePiece(`${'abcd '.repeat(200)}ж`, { vocabSize: 300, characterCoverage: 0.999 });
  expect(tokenizer.parts.pieces.map(({ text }) => text)).not.toContain('ж');
  expect(tokenizer.decode(tokenizer.encode('ж'))).toBe('ж');
});

describe('options that do not fit are refused in one sentence', () => {
  const refused: [string, Partial<SentencePieceOptions>, string][] = [
    ['too small a vocabulary', { vocabSize: 261 }, 'no room'],
    ['no unknown piece', { unkId: -1 }, 'unknown'],
    ['two symbols with one id', { bosId: 0 }, 'two symbols'],
    ['a symbol twice', { controlSymbols: ['<s>'] }, 'twice'],
    ['an id that leaves a gap', { padId: 100_000 }, 'gaps'],
  ];
  for (const [name, options, says] of refused)
    test(name, () => {
      const attempt = () => trainSentencePiece(TEXT, { vocabSize: 440, ...options });
      expect(attempt).toThrow(UserError);
      expect(attempt).toThrow(says);
    });
});
