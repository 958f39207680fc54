// Special tokens: when a text's are read as such, where they lie across each other, and what of a text is sure before it goes on.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import type { AllowedSpecial, Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

const END = '<|end|>';
const special = new Map([
  [END, 256],
  ['<|end|><|', 257],
  ['<|', 300],
]);
const tokenizer = new RegexTokenizer(GPT2_PATTERN, { merges: [] }, special);
const bytes = (text: string) => [...toBytes(text)];
const ids = (text: string, allowed?: AllowedSpecial) => [...tokenizer.encode(text, allowed)];

test('by default a text that holds one is refused, in one sentence', () => {
  expect(ids('an end')).toEqual(bytes('an end'));
  for (const read of [() => tokenizer.encode(`an ${END}`), () => tokenizer.count(`an ${END}`, 'none_raise')])
    expect(read).toThrow(
      new UserError(
        'the text holds the special token "<|end|>": allow "all" special tokens, or this one, to have it read as such, or "none" to have it read as the text it is.',
      ),
    );
});

test('none: it is the text that it is', () => {
  expect(ids(`a${END}`, 'none')).toEqual(bytes(`a${END}`));
});

test('all: each is its id, and what is between is text', () => {
  expect(ids(`a${END}b${END}`, 'all')).toEqual([97, 256, 98, 256]);
  expect(ids(`${END}${END}`, 'all')).toEqual([257, ...bytes('end|>')]);
});

test('a set: those in it are read, and others are text', () => {
  expect(ids(`a${END}<|`, new Set([END]))).toEqual([97, 256, ...bytes('<|')]);
  expect(ids(`a${END}<|`, new Set(['<|']))).toEqual([97, 300, ...bytes('end|>'), 300]);
  expect(ids(`a${END}<|`, new Set())).toEqual(bytes(`a${END}<|`));
});

test('one that is unknown is refused', () => {
  expect(() => ids('a', new Set(['<|x|>']))).toThrow(
    new UserError('"<|x|>" is no special token of this tokenizer, which has "<|end|>", "<|end|><|", "<|".'),
  );
});

test('of two that begin at one place the longer is read, and none begins inside another', () => {
  expect(ids(`a${END}<|b`, 'all')).toEqual([97, 257, 98]);
  expect(ids('<<|end|', 'all')).toEqual([60, 300, ...bytes('end|')]);
});

test('the text beside one is cut as if it ended there', () => {
  const spaced = RegexTokenizer.train('a  b  b', 258, GPT2_PATTERN);
  const withEnd = new RegexTokenizer(GPT2_PATTERN, { merges: spaced.pairs.merges }, new Map([[END, 999]]));
  for (const [left, right] of [
    ['a  ', '  b'],
    ["a'", 's'],
    ['', ' b'],
  ])
    expect([...withEnd.encode(`${left}${END}${right}`, 'all')]).toEqual([
      ...withEnd.encode(left ?? ''),
      999,
      ...withEnd.encode(right ?? ''),
    ]);
});

test('characters that mean something in a pattern mean themselves', () => {
  const odd = new BasicTokenizer([], new Map([['(.*)[^]|\\d+?-$', 256]]));
  expect([...odd.encode('x(.*)[^]|\\d+?-$7', 'all')]).toEqual([120, 256, 55]);
});

test('they are decoded to their texts, and none is made by merges', () => {
  expect(tokenizer.decode([97, 257, 98])).toBe(`a${END}<|b`);
  expect(tokenizer.vocabSize).toBe(301);
  expect(() => tokenizer.bytesOf(258)).toThrow(new RangeError('258 is no token of this vocabulary of 301'));
});

test('tokens that cannot be', () => {
  const make = (tokens: [string, number][]) => () => new BasicTokenizer([], new Map(tokens));
  expect(make([['', 256]])).toThrow('special tokens must be texts that are not empty');
  expect(
    make([
      ['<a>', 256],
      ['<b>', 256],
    ]),
  ).toThrow('each with an id of its own');
  expect(make([['<a>', 97]])).toThrow(
    new UserError('the special token "<a>" has the id 97, which is that of another token: give it an id of its own.'),
  );
});

describe('what is sure whatever follows', () => {
  const pieces = fc
    .array(fc.constantFrom(END, '<|', 'end|>', '<', '|', ' word', ' ', '  ', 'a', "'s", '.', '1'), { maxLength: 12 })
    .map((parts) => parts.join(''));

  const whole = (t: Tokenizer, text: string, allowed: AllowedSpecial) => [...t.encode(text, allowed)];

  test.each<[string, AllowedSpecial]>([
    ['all', 'all'],
    ['none', 'none'],
    ['a set', new Set([END])],
  ])('%s: a text encoded in two pieces is as in one', (_, allowed) => {
    const merged = RegexTokenizer.train(' word word  a a', 262, GPT2_PATTERN);
    for (const t of [
      new RegexTokenizer(GPT2_PATTERN, { merges: merged.pairs.merges }, ids300(special)),
      new BasicTokenizer(merged.pairs.merges, ids300(special)),
    ])
      fc.assert(
        fc.property(pieces, pieces, (text, more) => {
          const safe = t.safeEnd(text, allowed);
          expect([...whole(t, text.slice(0, safe), allowed), ...whole(t, text.slice(safe) + more, allowed)]).toEqual(
            whole(t, text + more, allowed),
          );
        }),
        { numRuns: 3000 },
      );
  });

  test('none_raise: one that comes in two pieces is still seen', () => {
    fc.assert(
      fc.property(pieces, pieces, (text, more) => {
        if ([...special.keys()].some((token) => text.includes(token))) return;
        const safe = tokenizer.safeEnd(text);
        const rest = text.slice(safe) + more;
        const isSeen = (part: string) => [...special.keys()].some((token) => part.includes(token));
        expect(isSeen(text.slice(0, safe)) || isSeen(rest)).toBe(isSeen(text + more));
      }),
      { numRuns: 3000 },
    );
  });

  test('a special token at the end is sure unless it may be the beginning of a longer one', () => {
    const t = new RegexTokenizer(GPT2_PATTERN, { merges: [] }, new Map([[END, 256]]));
    expect(t.safeEnd(`a b c${END}`, 'all')).toBe(12);
    expect(tokenizer.safeEnd(`${END}`, 'all')).toBe(0);
    expect(tokenizer.safeEnd(`${END} a`, 'all')).toBe(7);
  });
});

/** The same tokens with ids that no merge of these tests makes. */
function ids300(tokens: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...tokens.keys()].map((text, i) => [text, 300 + i]));
}
