// A tokenizer as plain data: nothing is lost, and its hash is the same tomorrow and elsewhere.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { describe, fromDescription, hashOf } from '../../core/tokenizer/description.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { GPT4_PATTERN } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { anyText, fewLetters } from './strings.ts';

const tiny = () => new RegexTokenizer(GPT2_PATTERN, { merges: [[97, 97]] }, new Map([['<|end|>', 257]]));

test('the hash stays what it is: it is in checkpoints and shards', () => {
  expect(hashOf(tiny())).toBe('3662a2fd55dedada015630b9dc546ae916b1bbe89f7c5538ecb29c94c3739e64');
  expect(hashOf(BasicTokenizer.train('aaabdaaabac', 259))).toBe(
    '29fa0d48d1fd3509f55a3f450334345ad6072c9d06ab8d95a7ff3dd60c436ba4',
  );
});

test('the hash is another where any id could be', () => {
  const merges: [number, number][] = [[97, 97]];
  const end = new Map([['<|end|>', 257]]);
  const hashes = [
    tiny(),
    new RegexTokenizer(GPT4_PATTERN, { merges }, end),
    new BasicTokenizer(merges, end),
    new RegexTokenizer(GPT2_PATTERN, { merges: [[97, 98]] }, end),
    new RegexTokenizer(GPT2_PATTERN, { merges, mergeIds: [258] }, end),
    new RegexTokenizer(GPT2_PATTERN, { merges }, new Map([['<|end|>', 258]])),
    new RegexTokenizer(GPT2_PATTERN, { merges }, new Map([['<|End|>', 257]])),
    new RegexTokenizer(GPT2_PATTERN, { merges }),
    new RegexTokenizer(GPT2_PATTERN, { merges, byteIds: Array.from({ length: 256 }, (_, byte) => byte ^ 1) }, end),
  ].map(hashOf);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test('the order in which special tokens were given is no matter', () => {
  const of = (tokens: [string, number][]) => hashOf(new BasicTokenizer([], new Map(tokens)));
  expect(
    of([
      ['<a>', 300],
      ['<b>', 301],
    ]),
  ).toBe(
    of([
      ['<b>', 301],
      ['<a>', 300],
    ]),
  );
});

test('to plain data and back is the same tokenizer, through JSON', () => {
  fc.assert(
    fc.property(fewLetters(80), anyText(20), fc.boolean(), (learnt, text, isRegex) => {
      const tokenizer = isRegex ? RegexTokenizer.train(learnt, 280) : BasicTokenizer.train(learnt, 280);
      const back = fromDescription(JSON.parse(JSON.stringify(describe(tokenizer))));
      expect(hashOf(back)).toBe(hashOf(tokenizer));
      expect(back.constructor).toBe(tokenizer.constructor);
      expect(back.encode(text, 'none')).toEqual(tokenizer.encode(text, 'none'));
    }),
    { numRuns: 100 },
  );
});

test('so are the published ones, permuted bytes and gaps included', async () => {
  const gpt4 = await publishedTokenizer('cl100k_base');
  const back = parseTokenizer(toBytes(JSON.stringify(describe(gpt4))), 'it');
  expect(hashOf(back)).toBe(hashOf(gpt4));
  expect([...back.encode('hello <|endoftext|>', 'all')]).toEqual([15339, 220, 100257]);
});

test('parts that do not fit each other are refused', () => {
  const described = describe(tiny());
  const parse = (change: object) => () => parseTokenizer(toBytes(JSON.stringify({ ...described, ...change })), 'it');
  expect(parse({ merges: [[97, 300, 256]] })).toThrow('it: merge 0, of 97 and 300, is of a token that no earlier');
  expect(parse({ byteIds: [1] })).toThrow('it is damaged: its byteIds is not as manygrad writes it');
  expect(parse({ special: [['', 3]] })).toThrow('it is damaged: its special.0.0 is not');
  expect(parse({ kind: 'words' })).toThrow('it is damaged: its kind is not');
  expect(parse({ pattern: null, merges: [[97, 97, 300]] })).toThrow('has its ids in order: this one has not');
});
