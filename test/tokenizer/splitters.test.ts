// How texts are cut: the two scanners against the patterns that they stand for, other patterns, and what is sure before a text goes on.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GPT2_PATTERN, gpt2Splitter } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { GPT4_PATTERN, gpt4Splitter } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { O200K_PATTERN } from '../../core/tokenizer/splitting/o200k.ts';
import { chunksOf, patternNamed, safeCut, splitterOf } from '../../core/tokenizer/splitting/patterns.ts';
import { regexSplitter, type Splitter, toJavaScript } from '../../core/tokenizer/splitting/splitter.ts';
import { anyText, codePoints } from './strings.ts';

const cut = (splitter: Splitter, text: string) => [...chunksOf(splitter, text)];

/** As the engine matches it: not by our loop over `end`. */
const matches = (pattern: RegExp, text: string) => text.match(pattern) ?? [];

describe.each([
  ['gpt2', GPT2_PATTERN, gpt2Splitter],
  ['gpt4', GPT4_PATTERN, gpt4Splitter],
])('%s', (name, pattern, splitter) => {
  const reference = toJavaScript(pattern);

  test('is known by its name, and by its pattern', () => {
    expect(patternNamed(name)).toBe(pattern);
    expect(splitterOf(pattern)).toBe(splitter);
    expect(splitter.pattern).toBe(pattern);
  });

  test('cuts random texts as its pattern does', () => {
    fc.assert(
      fc.property(anyText(24), (text) => {
        expect(cut(splitter, text)).toEqual([...matches(reference, text)]);
      }),
      { numRuns: 10_000 },
    );
  });

  test.each([
    ['alone', ''],
    ['beside blanks, letters, digits, apostrophes, punctuation, line ends and itself', "x'. 12  \n\n z!"],
  ])('cuts every code point %s as its pattern does', (_, beside) => {
    const differ: string[] = [];
    for (const point of codePoints()) {
      // Those that are nothing are as they are alone.
      if (beside !== '' && /\p{Cn}|\p{Co}/u.test(point)) continue;
      const text = beside === '' ? point : `${point}${beside.replaceAll(/(?=.)/gs, point)}${point}${point}`;
      let from = 0;
      for (const chunk of matches(reference, text)) {
        if (splitter.end(text, from) !== from + chunk.length) break;
        from += chunk.length;
      }
      if (from !== text.length) differ.push(text);
    }
    expect(differ).toEqual([]);
  });

  test('a lone surrogate is neither letter, number nor space', () => {
    const lengths = (text: string) => cut(splitter, text).map((chunk) => chunk.length);
    for (const lone of ['\ud83d', '\ude00'])
      expect(lengths(`a${lone}b ${lone} 1`)).toEqual(lengths('a\ufffdb \ufffd 1'));
  });
});

test('the patterns of the lecture, on its own example', () => {
  expect(cut(gpt2Splitter, "Hello've world123 how's are you!!!?")).toEqual([
    'Hello',
    "'ve",
    ' world',
    '123',
    ' how',
    "'s",
    ' are',
    ' you',
    '!!!?',
  ]);
  expect(cut(gpt2Splitter, "HOW'S   it")).toEqual(['HOW', "'", 'S', '  ', ' it']);
  expect(cut(gpt4Splitter, "HOW'S   it\n\n  1234")).toEqual(['HOW', "'S", '  ', ' it', '\n\n', ' ', ' ', '123', '4']);
});

describe('other patterns', () => {
  test.each([
    ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", gpt2Splitter],
    [
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      gpt4Splitter,
    ],
  ])('%s is the same in another spelling', (pattern, splitter) => {
    expect(splitterOf(pattern)).toBe(splitter);
    fc.assert(
      fc.property(anyText(16), (text) => {
        expect(cut(regexSplitter(pattern), text)).toEqual(cut(splitter, text));
      }),
      { numRuns: 3000 },
    );
  });

  test('quantifiers stay, and possessive ones become greedy', () => {
    const cases: [string, string][] = [
      ['\\p{L}+', '\\p{L}+'],
      ['a++', 'a+'],
      ['[a+]?+b', '[a+]?b'],
      ['\\p{N}{1,3}+', '\\p{N}{1,3}'],
      ['a*+b+?c??', 'a*b+?c??'],
      ['(?:x)+|\\++', '(?:x)+|\\++'],
    ];
    for (const [pattern, source] of cases) expect(toJavaScript(pattern).source).toBe(source);
  });

  test('white space and digits are those of Unicode, in brackets and out', () => {
    for (const pattern of ['\\s', '[\\s]', '[^\\S]']) {
      const regex = new RegExp(`^(?:${toJavaScript(pattern).source})$`, 'u');
      expect(['\x85', '\u3000', ' ', '\ufeff', 'a', '\u200b'].map((c) => regex.test(c))).toEqual([
        true,
        true,
        true,
        false,
        false,
        false,
      ]);
    }
    expect('1٣a'.match(toJavaScript('\\d+'))).toEqual(['1٣']);
    expect('a\r\u2028\nb'.match(toJavaScript('.+'))).toEqual(['a\r\u2028', 'b']);
  });

  test('what no match covers is a chunk of its own', () => {
    expect(cut(regexSplitter('[a-z]+'), '12ab3cd!')).toEqual(['12', 'ab', '3', 'cd', '!']);
    expect(cut(regexSplitter('[a-z]+|(?=3)'), '1ab3')).toEqual(['1', 'ab', '3']);
  });

  test('a pattern that cannot be read, or that matches nothing', () => {
    expect(() => splitterOf('(')).toThrow(
      '"(" is no regular expression that JavaScript can read: give a simpler pattern',
    );
    expect(() => splitterOf('a*')).toThrow('the pattern "a*" matches the empty text, and so cuts none');
  });
});

describe('what is sure whatever follows', () => {
  test.each(['gpt2', 'gpt4', O200K_PATTERN])('%s: the pieces of a cut text are those of the whole', (name) => {
    const splitter = splitterOf(patternNamed(name));
    fc.assert(
      fc.property(anyText(10), anyText(6), (text, more) => {
        const safe = safeCut(splitter, text);
        expect([...cut(splitter, text.slice(0, safe)), ...cut(splitter, text.slice(safe) + more)]).toEqual(
          cut(splitter, text + more),
        );
      }),
      { numRuns: 20_000 },
    );
  });

  test('is all before the end of the last word or number', () => {
    expect(safeCut(gpt4Splitter, 'one two three')).toBe(7);
    expect(safeCut(gpt2Splitter, 'one  1 2')).toBe(6);
    // What may become a contraction, a longer word, or an accent of it, is none.
    expect(safeCut(gpt4Splitter, "one don'")).toBe(3);
    expect(safeCut(gpt4Splitter, 'one e\u0301')).toBe(3);
    expect(safeCut(gpt4Splitter, 'one two\ud835')).toBe(3);
  });

  test('without words, is all but the last two chunks, and does not end with white space, which would be cut otherwise', () => {
    expect(safeCut(gpt4Splitter, '!! ?? .. ,,')).toBe(5);
    expect(safeCut(gpt2Splitter, '!!  ?? .')).toBe(2);
    expect(safeCut(gpt2Splitter, '!! ??')).toBe(0);
  });

  test('is nothing of a pattern that may look far ahead', () => {
    const splitter = regexSplitter('a+b|.');
    expect(cut(splitter, 'aaaa')).toEqual(['a', 'a', 'a', 'a']);
    expect(cut(splitter, 'aaaab')).toEqual(['aaaab']);
    expect(safeCut(splitter, 'aaaa')).toBe(0);
  });
});
