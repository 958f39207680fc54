/**
 * SentencePiece-style encoding and decoding: as the real SentencePiece (test/fixtures/sentencepiece/make.py says how its answers were
 * made), as the lecture shows it, and as a merging that is written as plainly as can be.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { encodeWithOffsets, toUnits } from '../../core/tokenizer/offsets.ts';
import { readSentencePieceModel } from '../../core/tokenizer/sentencePiece/model.ts';
import type { Piece } from '../../core/tokenizer/sentencePiece/pieces.ts';
import { SentencePieceTokenizer } from '../../core/tokenizer/sentencePiece/sentencePiece.ts';
import { StreamingDecoder } from '../../core/tokenizer/streamingDecoder.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

const FOLDER = 'test/fixtures/sentencepiece';
const ids = z.array(z.number());
const cases = z
  .record(
    z.string(),
    z.object({ encoded: z.array(z.tuple([z.string(), ids])), decoded: z.array(z.tuple([ids, z.string()])) }),
  )
  .parse(JSON.parse(readFileSync(`${FOLDER}/cases.json`, 'utf8')));
const open = (name: string) => readSentencePieceModel(readFileSync(`${FOLDER}/${name}.model`), name);
const models = Object.fromEntries(Object.keys(cases).map((name) => [name, open(name)]));
const lecture = open('lecture');
const unknown = open('unknown');
const others = open('others');
const spanning = open('spanning');
const piecesOf = (tokenizer: SentencePieceTokenizer, text: string) =>
  Array.from(tokenizer.encode(text, 'none'), (id) => tokenizer.pieceOf(id));

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc
    .array(
      fc.constantFrom(
        'the',
        ' ',
        '  ',
        'token',
        '<br>',
        '안녕',
        'ü',
        '\ud83d',
        '😀',
        '\n',
        '\x01',
        '\u200b',
        'ﬁ',
        'e\u0301',
        '12',
      ),
      { maxLength: 15 },
    )
    .map((parts) => parts.join('')),
);

describe('as the real SentencePiece', () => {
  for (const [name, { encoded, decoded }] of Object.entries(cases)) {
    test(`encodes (${name})`, () => {
      for (const [text, ids] of encoded) expect([text, [...models[name].encode(text, 'none')]]).toEqual([text, ids]);
    });

    test(`decodes (${name})`, () => {
      // Of bytes that are no character it makes one U+FFFD each; here, as everywhere, each ill-formed sequence is one.
      const once = (text: string) => text.replaceAll(/\ufffd+/g, '\ufffd');
      for (const [ids, text] of decoded) expect([ids, once(models[name].decode(ids))]).toEqual([ids, once(text)]);
    });
  }
});

describe("the lecture's example", () => {
  test('characters that were not in the text become the bytes of their UTF-8, which begin after three symbols', () => {
    expect(piecesOf(lecture, '안녕')).toEqual(['\u2581', '<0xEC>', '<0x95>', '<0x88>', '<0xEB>', '<0x85>', '<0x95>']);
    expect([...lecture.encode('안')].slice(1)).toEqual([...toBytes('안')].map((byte) => byte + 3));
    expect(lecture.decode(lecture.encode('hello 안녕하세요'))).toBe('hello 안녕하세요');
  });

  test('without bytes they are unknown, all of a run the id 0', () => {
    expect([...unknown.encode('안녕하세요')].slice(-1)).toEqual([0]);
    expect(piecesOf(unknown, 'in 안녕 하 세')).toEqual([
      '\u2581in',
      '\u2581',
      '<unk>',
      '\u2581',
      '<unk>',
      '\u2581',
      '<unk>',
    ]);
    expect(unknown.decode(unknown.encode('안녕'))).toBe(' \u2047 ');
  });

  test('a space before the text makes its first word a word like any other, and is dropped again', () => {
    const [first] = lecture.encode('text');
    expect([...lecture.encode('a text')].at(-1)).toBe(first);
    expect(lecture.decode([first])).toBe('text');
    expect(lecture.decode([first, first])).toBe('text text');
    expect(spanning.decode(spanning.encode(' text'))).toBe(' text');
  });
});

describe('special tokens', () => {
  test('are refused by default, read where allowed, and text where not; decoded, controls are nothing', () => {
    expect([...others.special]).toEqual([
      ['<unk>', 0],
      ['<s>', 1],
      ['</s>', 2],
      ['<pad>', 3],
      ['[SEP]', 4],
    ]);
    expect(() => others.encode('a [SEP] b')).toThrow('special token');
    expect([...others.encode('[SEP]', 'all')]).toEqual([4]);
    expect([...others.encode('[SEP]', 'none')]).not.toContain(4);
    expect(others.decode(others.encode('the[SEP]text', 'all'))).toBe('thetext');
  });

  test('after one no second space is put before the text; before the text one changes nothing', () => {
    expect(piecesOf(lecture, 'text')).toEqual(
      [...lecture.encode('<s>text', 'all')].slice(1).map((id) => lecture.pieceOf(id)),
    );
    expect(lecture.decode(lecture.encode('the<s>text', 'all'))).toBe('thetext');
  });

  test('user-defined symbols are one piece wherever they stand, even within words', () => {
    expect(piecesOf(others, 'ofthen<br>')).toContain('the');
    expect(piecesOf(others, 'ofthen<br>').at(-1)).toBe('<br>');
  });
});

describe('round trips', () => {
  test('whatever the text, where nothing is normalized away and no character is U+2581', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(!text.includes('\u2581'));
        for (const tokenizer of [lecture, spanning]) {
          const ids = tokenizer.encode(text, 'none');
          expect(tokenizer.decode(ids)).toBe(text.toWellFormed());
          expect(tokenizer.count(text, 'none')).toBe(ids.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nfkc gives the text in its form', () => {
    const nfkc = new SentencePieceTokenizer({ ...lecture.parts, form: 'nfkc' });
    expect(nfkc.decode(nfkc.encode('ﬁne ｶﾞ ① e\u0301'))).toBe('fine ガ 1 é');
  });

  // As SentencePieceNormalizer(rule_name='nmt_nfkc') gives them.
  test('nmt_nfkc drops controls too, and makes spaces of what is blank', () => {
    const nmt = new SentencePieceTokenizer({ ...lecture.parts, form: 'nmt_nfkc' });
    const normalized = (text: string) => nmt.decode(nmt.encode(text));
    expect(normalized('a\tb\r\nc\u200bd')).toBe('a b  c d');
    expect(normalized('e\x01\u0301 e\u0301')).toBe('e\u0301 \xe9');
    expect(normalized('\uff5e\uff21\u3000\ufb01\x7f\u2581')).toBe('\uff5eA fi ');
  });

  test('an id that is none is refused', () => {
    expect(() => lecture.decode([lecture.vocabSize])).toThrow(RangeError);
  });
});

/** Merging in its plainest form: looks at all neighbours, takes those of the highest score, the leftmost of several. Quadratic. */
function mergePlainly(text: string, pieces: readonly Piece[]): string[] {
  const scores = new Map(pieces.map(({ text, score }) => [text, score]));
  const symbols = [...text];
  for (;;) {
    let [best, at] = [Number.NEGATIVE_INFINITY, -1];
    for (let i = 0; i + 1 < symbols.length; i++) {
      const score = scores.get(symbols[i] + symbols[i + 1]);
      if (score !== undefined && score > best) [best, at] = [score, i];
    }
    if (at < 0) return symbols;
    symbols.splice(at, 2, symbols[at] + symbols[at + 1]);
  }
}

describe('merging', () => {
  const letter = fc.constantFrom('a', 'b', 'c');
  const word = fc.array(letter, { minLength: 2, maxLength: 5 }).map((letters) => letters.join(''));
  const how = { form: 'identity', addDummyPrefix: false, removeExtraWhitespaces: false, unknownSurface: '?' } as const;

  test('is that of the plain one, with any scores, equal ones included', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(word, fc.integer({ min: -3, max: 0 })), { selector: ([text]) => text, maxLength: 12 }),
        fc.array(letter, { maxLength: 60 }),
        (words, letters) => {
          const pieces: Piece[] = [
            { text: '<unk>', score: 0, kind: 'unknown' },
            ...['a', 'b', 'c'].map((text): Piece => ({ text, score: -9, kind: 'normal' })),
            ...words.map(([text, score]): Piece => ({ text, score, kind: 'normal' })),
          ];
          const tokenizer = new SentencePieceTokenizer({ ...how, pieces });
          const text = letters.join('');
          expect(piecesOf(tokenizer, text)).toEqual(mergePlainly(text, pieces));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('of 200,000 letters without a space is done at once', () => {
    const pieces: Piece[] = [{ text: '<unk>', score: 0, kind: 'unknown' }];
    for (let length = 1; length <= 4096; length *= 2)
      pieces.push({ text: 'a'.repeat(length), score: -length, kind: 'normal' });
    const tokenizer = new SentencePieceTokenizer({ ...how, pieces });
    const ids = tokenizer.encode('a'.repeat(200_000));
    expect(tokenizer.decode(ids)).toHaveLength(200_000);
    expect(ids.length).toBe(
      Math.floor(200_000 / 4096) + [...(200_000 % 4096).toString(2)].filter((bit) => bit === '1').length,
    );
  });

  test('takes part with unused pieces, which are then taken apart again', () => {
    const pieces: Piece[] = ['a', 'b', 'ab', 'abb'].map((text) => ({ text, score: 0, kind: 'normal' }));
    const unused: Piece = { text: 'ab', score: 0, kind: 'unused' };
    const tokenizer = new SentencePieceTokenizer({
      ...how,
      pieces: [{ text: '<unk>', score: 0, kind: 'unknown' }, pieces[0], pieces[1], unused, pieces[3]],
    });
    expect(piecesOf(tokenizer, 'abaabb')).toEqual(['a', 'b', 'a', 'abb']);
  });
});

describe('streams', () => {
  const tokenizers = {
    ...models,
    nfkc: new SentencePieceTokenizer({ ...lecture.parts, form: 'nfkc' }),
    nmt: new SentencePieceTokenizer({ ...others.parts, form: 'nmt_nfkc' }),
  };
  for (const [name, tokenizer] of Object.entries(tokenizers)) {
    test(`decoding piece by piece is decoding all (${name})`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 20 }), (ids) => {
          const decoder = new StreamingDecoder(tokenizer);
          expect(ids.map((id) => decoder.push(id)).join('') + decoder.end()).toBe(tokenizer.decode(ids));
        }),
        { numRuns: 200 },
      );
    });

    test(`encoding up to the safe end and from there on is encoding all (${name})`, () => {
      fc.assert(
        fc.property(anyText, anyText, (a, b) => {
          const end = tokenizer.safeEnd(a, 'all');
          const whole = a + b;
          expect([
            ...tokenizer.encode(whole.slice(0, end), 'all'),
            ...tokenizer.encode(whole.slice(end), 'all'),
          ]).toEqual([...tokenizer.encode(whole, 'all')]);
        }),
        { numRuns: 300 },
      );
    });

    test(`the bounds of its pieces tile the text (${name})`, () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const { ids, bounds } = encodeWithOffsets(tokenizer, text, 'all');
          expect(ids).toEqual(tokenizer.encode(text, 'all'));
          expect(bounds).toHaveLength(ids.length + 1);
          expect([bounds[0], bounds.at(-1)]).toEqual([0, ids.length === 0 ? 0 : toBytes(text).length]);
          for (let i = 0; i < ids.length; i++) expect(bounds[i]).toBeLessThanOrEqual(bounds[i + 1]);
        }),
        { numRuns: 300 },
      );
    });
  }

  test('a safe end is found where a space is added in front and extra ones are removed', () => {
    expect(others.safeEnd('some words of text')).toBeGreaterThan(0);
    expect(lecture.safeEnd('some words of text')).toBe(0);
  });
});

describe('bounds', () => {
  const parts = (tokenizer: SentencePieceTokenizer, text: string) => {
    const { ids, bounds } = encodeWithOffsets(tokenizer, text, 'all');
    const units = toUnits(text, bounds);
    return Array.from(ids, (id, i) => [tokenizer.pieceOf(id), text.slice(units[i], units[i + 1])]);
  };

  test('are those of the text itself, byte by byte where a character is bytes', () => {
    expect(parts(lecture, 'the 안')).toEqual([
      ['\u2581the', 'the'],
      ['\u2581', ' '],
      ['<0xEC>', ''],
      ['<0x95>', ''],
      ['<0x88>', '안'],
    ]);
    expect([...encodeWithOffsets(lecture, '안').bounds]).toEqual([0, 0, 1, 2, 3]);
  });

  test('are those of what a piece was normalized from, and what was dropped is with the piece before', () => {
    const nfkc = new SentencePieceTokenizer({ ...others.parts, form: 'nfkc' });
    expect(
      parts(nfkc, '  the \uff12  the ')
        .map(([, text]) => text)
        .join(''),
    ).toBe('  the \uff12  the ');
    expect(parts(nfkc, 'the \uff12')).toContainEqual(['\u25812', ' \uff12']);
    expect(parts(others, 'the[SEP]the').filter(([piece]) => piece === '[SEP]')).toEqual([['[SEP]', '[SEP]']]);
  });
});
