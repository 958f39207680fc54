/** The parts of a text that its tokens stand for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { encodeWithOffsets, toUnits } from '../../core/tokenizer/offsets.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

const TEXT = 'Über Grüße, 안녕하세요, 你好, 😀😀 and plain words, plain words. ';
const basic = BasicTokenizer.train(TEXT.repeat(3), 330);
const trained = RegexTokenizer.train(TEXT.repeat(3), 330);
const regex = new RegexTokenizer(trained.pattern, trained.pairs, new Map([['<|é|>', 1000]]));
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.constantFrom('ü', '<|é|>', '안', '😀', ' plain', ' ', '\ud83d', '\ude00', 'z'), { maxLength: 20 })
    .map((a) => a.join('')),
);

describe('bounds in bytes', () => {
  for (const [name, tokenizer] of Object.entries({ basic, regex }))
    test(`tile the text, and each part is its token's bytes (${name})`, () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const { ids, bounds } = encodeWithOffsets(tokenizer, text, 'all');
          expect(ids).toEqual(tokenizer.encode(text, 'all'));
          const bytes = toBytes(text);
          expect(bounds).toHaveLength(ids.length + 1);
          expect([bounds[0], bounds.at(-1)]).toEqual([0, bytes.length]);
          for (const [i, id] of ids.entries())
            expect(bytes.slice(bounds[i], bounds[i + 1])).toEqual(Uint8Array.from(tokenizer.bytesOf(id)));
        }),
        { numRuns: 300 },
      );
    });

  test('a special token that is not allowed is refused', () => {
    expect(() => encodeWithOffsets(regex, 'a<|é|>')).toThrow('special token');
  });
});

describe('bounds in UTF-16 units', () => {
  test('tile the text; a part of a character is the last of its tokens, whole', () => {
    const text = 'aé😀b';
    const bytes = toBytes(text);
    const each = Uint32Array.from({ length: bytes.length + 1 }, (_, i) => i);
    expect([...toUnits(text, each)]).toEqual([0, 1, 1, 2, 2, 2, 2, 4, 5]);
  });

  test('cut no character, whatever the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { bounds } = encodeWithOffsets(basic, text);
        const units = toUnits(text, bounds);
        expect([units[0], units.at(-1)]).toEqual([0, text.length]);
        let whole = '';
        for (let i = 0; i + 1 < units.length; i++) {
          const part = text.slice(units[i], units[i + 1]);
          whole += part;
          // Where a cut were inside a pair of surrogates, its halves would be two replacement characters more.
          const until = text.slice(0, units[i + 1]);
          expect(toBytes(until).length).toBeLessThanOrEqual(bounds[i + 1]);
        }
        expect(whole).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});
