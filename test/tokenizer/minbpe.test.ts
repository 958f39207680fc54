// The lecture's files: `.model`, written and read again, and `.vocab`, for people.
import { describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { readMinbpe, renderToken, writeMinbpe, writeVocab } from '../../core/tokenizer/formats/minbpe.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { GPT4_PATTERN } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

/** Written by hand, as the lecture's code writes it. */
const MODEL = `minbpe v1
${GPT4_PATTERN}
2
<|endoftext|> 300
<|a b|> 301
116 104
256 101
32 257
`;

const parse = (text: string) => parseTokenizer(toBytes(text), 'it');

test('a file written by hand is read, and written the same', () => {
  const tokenizer = readMinbpe(MODEL, 'it');
  expect(tokenizer).toBeInstanceOf(RegexTokenizer);
  expect([...tokenizer.encode('the the<|a b|>', 'all')]).toEqual([257, 258, 301]);
  expect([...tokenizer.special]).toEqual([
    ['<|endoftext|>', 300],
    ['<|a b|>', 301],
  ]);
  expect(writeMinbpe(tokenizer)).toBe(MODEL);
  expect(hashOf(parse(MODEL.replaceAll('\n', '\r\n')))).toBe(hashOf(tokenizer));
});

test('what is written is read to the same, with a pattern and without', () => {
  const basic = BasicTokenizer.train('aaabdaaabac', 259);
  expect(writeMinbpe(basic)).toBe('minbpe v1\n\n0\n97 97\n256 97\n257 98\n');
  expect(parse(writeMinbpe(basic))).toBeInstanceOf(BasicTokenizer);
  expect(hashOf(parse(writeMinbpe(basic)))).toBe(hashOf(basic));
  const special = new Map([
    ['<\u2028>', 400],
    [' 5', 401],
  ]);
  const regex = new RegexTokenizer('\\w+|[^\\w]+', { merges: [[97, 98]] }, special);
  expect(hashOf(parse(writeMinbpe(regex)))).toBe(hashOf(regex));
});

test('.vocab shows each token with its parts, and no control characters', () => {
  const tokenizer = new RegexTokenizer(
    GPT4_PATTERN,
    {
      merges: [
        [116, 104],
        [10, 9],
        [0xe4, 0xb8],
      ],
    },
    new Map([['<|end|>', 300]]),
  );
  const lines = writeVocab(tokenizer).split('\n');
  expect([lines[0], lines[10], lines[116], lines[255]]).toEqual([
    '[\\u0000] 0',
    '[\\u000a] 10',
    '[t] 116',
    '[\ufffd] 255',
  ]);
  expect(lines.slice(256)).toEqual([
    '[t][h] -> [th] 256',
    '[\\u000a][\\u0009] -> [\\u000a\\u0009] 257',
    '[\ufffd][\ufffd] -> [\ufffd] 258',
    '[<|end|>] 300',
    '',
  ]);
  expect(renderToken(toBytes('\x1b[2J\u200bé'))).toBe('\\u001b[2J\\u200bé');
});

describe('what the format cannot hold', () => {
  const regex = (pattern: string, special: string) =>
    new RegexTokenizer(pattern, { merges: [] }, new Map([[special, 300]]));
  test.each<[string, () => unknown, string]>([
    [
      'a line end in a special token',
      () => writeMinbpe(regex('.', '<\n>')),
      'the special token "<\\n>" has a line end',
    ],
    ['a line end in the pattern', () => writeMinbpe(regex('.|\n', '<>')), 'the pattern has a line end'],
    [
      'ids that are not in order',
      () => writeMinbpe(new RegexTokenizer('.', { merges: [[97, 98]], mergeIds: [300] })),
      'a .model file holds bytes and merges in the order of their ids',
    ],
  ])('%s', (_, write, message) => {
    expect(write).toThrow(UserError);
    expect(write).toThrow(message);
  });
});

test.each<[string, string, string]>([
  ['another version', MODEL.replace('v1', 'v2'), 'it is no tokenizer, or is damaged'],
  [
    'no number of special tokens',
    MODEL.replace('\n2\n', '\nx\n'),
    'it is no minbpe model: line 3 should be the number of special tokens.',
  ],
  [
    'fewer special tokens than it says',
    MODEL.replace('\n2\n', '\n9\n'),
    'line 9 should be a special token and its id.',
  ],
  ['a special token without an id', MODEL.replace(' 300', ''), 'line 4 should be a special token and its id.'],
  ['a merge of one', MODEL.replace('256 101', '256'), 'line 7 should be two token ids, "left right".'],
  ['a merge of words', MODEL.replace('256 101', 'a b'), 'line 7 should be two token ids'],
  [
    'a merge of what is not made yet',
    MODEL.replace('256 101', '299 101'),
    'it: merge 1, of 299 and 101, is of a token that no earlier',
  ],
  ['a merge twice', `${MODEL}256 101\n`, 'it: the merge of 256 and 101 is listed twice'],
  ['an id twice', MODEL.replace('301', '300'), 'it: special tokens must be'],
  [
    'a special token with the id of another',
    MODEL.replace('301', '257'),
    'it: the special token "<|a b|>" has the id 257',
  ],
  ['a pattern that is none', MODEL.replace(GPT4_PATTERN, '('), 'it: "(" is no regular expression'],
  ['nothing after its first line', 'minbpe v1\n', 'line 3 should be the number of special tokens.'],
])('a damaged file: %s', (_, text, message) => {
  expect(() => parse(text)).toThrow(UserError);
  expect(() => parse(text)).toThrow(message);
});
