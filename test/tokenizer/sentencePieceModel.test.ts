/** Reading SentencePiece's .model files: what is in them, what is refused, and that no damage crashes or hangs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import {
  descriptionSchema,
  fromDescription,
  hashOf,
  describe as toDescription,
} from '../../core/tokenizer/description.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { isSentencePieceModel, readSentencePieceModel } from '../../core/tokenizer/sentencePiece/model.ts';
import { SentencePieceTokenizer } from '../../core/tokenizer/sentencePiece/sentencePiece.ts';
import { type Field, message, modelFile, type TestModel } from '../support/protobuf.ts';

const PIECES: TestModel['pieces'] = [
  ['<unk>', 0, 'unknown'],
  ['<s>', 0, 'control'],
  ['<br>', 0, 'userDefined'],
  ['ab', 0, 'normal'],
  ['\u2581ab', -1, 'normal'],
  ['abab', -2, 'unused'],
  ['\u2581', -3, 'normal'],
  ['a', -4, 'normal'],
  ['b', -5, 'normal'],
];
const read = (model: Partial<TestModel>) =>
  readSentencePieceModel(modelFile({ pieces: PIECES, ...model }), 'toy.model');
const FLAGS = { addDummyPrefix: 3, removeExtraWhitespaces: 4, escapes: 5 };
const off = (flag: keyof typeof FLAGS): Field => [FLAGS[flag], 0, 0];

describe('what is read', () => {
  test('pieces with their scores and kinds, and the defaults of what is not written', () => {
    const { parts } = read({});
    expect(parts.pieces.map(({ text, score, kind }) => [text, score, kind])).toEqual(PIECES);
    expect(parts).toMatchObject({ form: 'identity', addDummyPrefix: true, removeExtraWhitespaces: true });
    expect(parts.unknownSurface).toBe(' \u2047 ');
  });

  test('the options of normalization, and the surface of the unknown', () => {
    const { parts } = read({
      trainer: [
        [3, 0, 2],
        [44, 2, '??'],
      ],
      normalizer: [[1, 2, 'nfkc'], [2, 2, 'rules'], off('addDummyPrefix'), off('removeExtraWhitespaces')],
    });
    expect(parts).toMatchObject({
      form: 'nfkc',
      addDummyPrefix: false,
      removeExtraWhitespaces: false,
      unknownSurface: '??',
    });
  });

  test('fields that are not needed are passed over, of each wire type', () => {
    const more: Field[] = [
      [4, 2, 'self test'],
      [200, 0, 2 ** 52],
      [201, 1, 1.5],
      [202, 5, 1.5],
    ];
    expect(read({ more }).vocabSize).toBe(PIECES.length);
  });

  test('a file is known by its content, and opened as any other tokenizer', () => {
    const bytes = modelFile({ pieces: PIECES });
    expect(isSentencePieceModel(bytes)).toBe(true);
    expect(parseTokenizer(bytes, 'toy.model')).toBeInstanceOf(SentencePieceTokenizer);
    for (const text of ['', '\n', 'minbpe v1\n', '\n{"format": 1}', '{"version": "1.0"}'])
      expect(isSentencePieceModel(new TextEncoder().encode(text))).toBe(false);
  });
});

describe('what is refused, in one sentence', () => {
  const refused: Record<string, [Partial<TestModel>, string]> = {
    'a unigram model': [{ trainer: [[3, 0, 1]] }, 'unigram'],
    'a model that does not say its type, which is unigram': [{ trainer: [] }, 'unigram'],
    'rules of normalization that are not known': [
      {
        normalizer: [
          [1, 2, 'nmt_nfkc_cf'],
          [2, 2, 'x'],
        ],
      },
      'nmt_nfkc_cf',
    ],
    'spaces that stay spaces': [{ normalizer: [off('escapes')] }, 'spaces'],
    'spaces after words': [
      {
        trainer: [
          [3, 0, 2],
          [24, 0, 1],
        ],
      },
      'spaces',
    ],
    denormalization: [{ more: [[5, 2, message([[2, 2, 'x']])]] }, 'decodes'],
    'no unknown piece': [{ pieces: PIECES.slice(1) }, 'unknown'],
    'two unknown pieces': [{ pieces: [...PIECES, ['<unk2>', 0, 'unknown']] }, 'second unknown'],
    'a piece twice': [{ pieces: [...PIECES, ['ab', -9, 'normal']] }, 'twice'],
    'an empty piece': [{ pieces: [...PIECES, ['', -9, 'normal']] }, 'empty'],
    'a score that is no number': [{ pieces: [...PIECES, ['x', Number.NaN, 'normal']] }, 'score'],
    'some byte pieces': [{ pieces: [...PIECES, ['<0x41>', 0, 'byte']] }, '<0x00>'],
    'a kind that is not known': [
      {
        more: [
          [
            1,
            2,
            message([
              [1, 2, 'x'],
              [3, 0, 9],
            ]),
          ],
        ],
      },
      'kind',
    ],
    'text that is no UTF-8': [{ more: [[1, 2, message([[1, 2, Uint8Array.of(0xff)]])]] }, 'UTF-8'],
    'a field of another kind': [{ more: [[1, 0, 7]] }, 'another kind'],
  };
  for (const [name, [model, says]] of Object.entries(refused))
    test(name, () => {
      expect(() => read(model)).toThrow(UserError);
      expect(() => read(model)).toThrow(says);
    });

  test('a file that is cut off anywhere, or has a byte changed, is read or refused, and nothing else', () => {
    const whole = modelFile({ pieces: PIECES, normalizer: [off('addDummyPrefix')] });
    const attempt = (bytes: Uint8Array) => {
      try {
        readSentencePieceModel(bytes, 'toy.model').encode('ab <br>abab', 'none');
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    };
    for (let end = 0; end < whole.length; end++) attempt(whole.subarray(0, end));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length - 1), fc.nat(255), (i, a, j, b) => {
        const bytes = whole.slice();
        bytes[i] = a;
        bytes[j] = b;
        attempt(bytes);
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 1000 });
  });
});

describe('as plain data', () => {
  test('it is the same tokenizer again, with the same hash', () => {
    const tokenizer = read({ normalizer: [off('addDummyPrefix')] });
    const data = descriptionSchema.parse(JSON.parse(JSON.stringify(toDescription(tokenizer))));
    const again = fromDescription(data);
    expect(again).toBeInstanceOf(SentencePieceTokenizer);
    expect(again.encode('ab <br>abab b')).toEqual(tokenizer.encode('ab <br>abab b'));
    expect(hashOf(again)).toBe(hashOf(tokenizer));
    expect(hashOf(read({}))).not.toBe(hashOf(tokenizer));
  });
});
