/** Characters as a tokenizer among the others, and tokens as symbols that can be shown. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import { UserError } from '../../core/errors.ts';
import { CharacterTokenizer } from '../../core/tokenizer/character.ts';
import { describe, fromDescription, hashOf } from '../../core/tokenizer/description.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { StreamingDecoder } from '../../core/tokenizer/streamingDecoder.ts';
import { isToken, symbolOf, symbolsOf } from '../../core/tokenizer/symbol.ts';

/** A byte pair each for "東"'s bytes, and one more token beyond a gap. */
const pattern = RegexTokenizer.train('東東東', 258).pattern;
const bytes = new RegexTokenizer(
  pattern,
  {
    merges: [
      [0xe6, 0x9d],
      [256, 0xb1],
    ],
  },
  new Map([['<|endoftext|>', 300]]),
);

test('a character is a token: counted, decoded and cut as the interface has it', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const tokenizer = CharacterTokenizer.fromText(a + b);
      const ids = tokenizer.encode(a + b, 'none');
      expect(tokenizer.count(a + b)).toBe(ids.length);
      expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(tokenizer.decodeBytes(ids))).toBe(a + b);
      // Cut anywhere, within a character as well.
      const cut = (a + b).slice(0, a.length - 1);
      const end = tokenizer.safeEnd(cut);
      expect([...tokenizer.encode((a + b).slice(0, end)), ...tokenizer.encode((a + b).slice(end))]).toEqual([...ids]);
      const decoder = new StreamingDecoder(tokenizer);
      expect(Array.from(ids, (id) => decoder.push(id)).join('') + decoder.end()).toBe(a + b);
    }),
  );
});

test('it is kept as plain data, known by its characters; that of lines is not', () => {
  const tokenizer = new CharacterTokenizer('ba\n\u{1f600}');
  const again = fromDescription(JSON.parse(JSON.stringify(describe(tokenizer))));
  expect([...again.encode('\u{1f600}ab\n')]).toEqual([3, 1, 0, 2]);
  expect(hashOf(again)).toBe(hashOf(tokenizer));
  expect(hashOf(new CharacterTokenizer('ab\n\u{1f600}'))).not.toBe(hashOf(tokenizer));
  expect(() => describe(new Vocabulary('ab'))).toThrow(UserError);
});

test('symbols: text as it is, pieces of characters as bytes, nothing for a gap', () => {
  expect(symbolsOf(new CharacterTokenizer('a \n'))).toEqual(['a', ' ', '\n']);
  expect([257, 256, 0xe6, 0x20, 300].map((id) => symbolOf(bytes, id))).toEqual([
    ...['東', '\\xe6\\x9d', '\\xe6', ' ', '<|endoftext|>'],
  ]);
  expect([isToken(bytes, 258), symbolOf(bytes, 258), symbolsOf(bytes).length]).toEqual([false, '', 301]);
});
