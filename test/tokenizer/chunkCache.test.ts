// The cache of chunks: whatever it holds, forgets and is asked for, the ids are those without it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONGEST } from '../../core/tokenizer/merging/chunkCache.ts';
import { IdList } from '../../core/tokenizer/merging/idList.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { GPT2_PATTERN, gpt2Splitter } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { chunksOf } from '../../core/tokenizer/splitting/patterns.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { anyText } from './strings.ts';

const tokenizer = RegexTokenizer.train(
  'the words 12 34 of this text, and the others of it: 112 234',
  280,
  GPT2_PATTERN,
);

/** Each chunk merged anew. */
const anew = (text: string): number[] => {
  const list = new IdList();
  for (const chunk of chunksOf(gpt2Splitter, text)) {
    const bytes = toBytes(chunk);
    tokenizer.pairs.encode(bytes, 0, bytes.length, list);
  }
  return [...list.take()];
};

test('more distinct chunks than it holds, twice over', () => {
  const words: string[] = [];
  for (let i = 0; i < 100_000; i++) words.push(` ${(i * 7919) % 100_003}`);
  const text = words.join('');
  const expected = anew(text);
  for (let i = 0; i < 2; i++) expect(tokenizer.encode(text)).toEqual(Uint32Array.from(expected));
  expect(tokenizer.count(text)).toBe(expected.length);
});

test('chunks whose ids or text fill it before their number does', () => {
  // As long as may be, of three bytes a letter and a token each.
  const words = Array.from(
    { length: 6000 },
    (_, i) =>
      `${String.fromCharCode(0x4e00 + (i % 5000))}${String.fromCharCode(0x4e00 + (i >> 3)).repeat(LONGEST - 1)} `,
  );
  const text = words.join('');
  expect(tokenizer.encode(text)).toEqual(Uint32Array.from(anew(text)));
  expect(tokenizer.count(text)).toBe(anew(text).length);
});

test('chunks as long as it keeps, and longer', () => {
  for (const length of [LONGEST - 1, LONGEST, LONGEST + 1, 10 * LONGEST]) {
    const text = `${'a'.repeat(length)} ${'é'.repeat(length - 1)} ${'the'.repeat(length)}`;
    for (let i = 0; i < 2; i++) expect([...tokenizer.encode(text)]).toEqual(anew(text));
    expect(tokenizer.count(text)).toBe(anew(text).length);
  }
});

test('random texts, with chunks that differ little', () => {
  fc.assert(
    fc.property(anyText(30), (text) => {
      expect([...tokenizer.encode(text, 'none')]).toEqual(anew(text));
      expect(tokenizer.count(text, 'none')).toBe(anew(text).length);
    }),
    { numRuns: 5000 },
  );
});
