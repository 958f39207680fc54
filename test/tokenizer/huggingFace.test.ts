// Hugging Face's tokenizer.json: what is written is read to the same hash, what would give other ids is refused in a sentence.
import { expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { readHuggingFace, writeHuggingFace } from '../../core/tokenizer/formats/huggingFace.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { GPT4_PATTERN } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { O200K_PATTERN } from '../../core/tokenizer/splitting/o200k.ts';
import { parse, refused, TEXT, trained } from './written.ts';

type Json = Record<string, unknown>;
const file = JSON.parse(writeHuggingFace(trained(GPT2_PATTERN)));
const read = (change: Json) => readHuggingFace({ ...file, ...change }, 'it');
const model = (change: Json) => ({ model: { ...file.model, ...change } });
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
const split = (pattern: string, more: Json = {}) => ({
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false, ...more },
      byteLevel,
    ],
  },
});

test.each([GPT2_PATTERN, GPT4_PATTERN, O200K_PATTERN, '\\p{L}+|.'])(
  'what is written is read to the same: %s',
  (pattern) => {
    const tokenizer = trained(pattern);
    const text = writeHuggingFace(tokenizer);
    expect(hashOf(parse(text))).toBe(hashOf(tokenizer));
    expect(parse(text)).toBeInstanceOf(RegexTokenizer);
  },
);

test('so is a tokenizer without a pattern, and the published ones with their gaps', async () => {
  const basic = BasicTokenizer.train(TEXT, 280);
  expect(hashOf(parse(writeHuggingFace(basic)))).toBe(hashOf(basic));
  const gpt4 = await publishedTokenizer('cl100k_base');
  expect(hashOf(parse(writeHuggingFace(gpt4)))).toBe(hashOf(gpt4));
});

test('is laid out as Hugging Face does', () => {
  expect(Object.keys(file)).toEqual([
    'version',
    'truncation',
    'padding',
    'added_tokens',
    'normalizer',
    'pre_tokenizer',
    'post_processor',
    'decoder',
    'model',
  ]);
  expect(file.pre_tokenizer).toEqual({ ...byteLevel, use_regex: true });
  expect(file.model.merges[0]).toBe('t h');
  // Special tokens are in the vocabulary as well, or their ids would be counted on from its size.
  expect(file.model.vocab['<|pad|>']).toBe(402);
  expect(file.added_tokens[1]).toEqual({
    id: 402,
    content: '<|pad|>',
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const names = writeHuggingFace(new RegexTokenizer(GPT2_PATTERN, { merges: [[95, 95]] }));
  expect(names).toContain('"`":96,"a":97');
  expect(names.indexOf('"1":49')).toBeGreaterThan(names.indexOf('"!":33'));
});

test('other ways to say the same', () => {
  const hash = hashOf(trained(GPT2_PATTERN));
  const { type: _, ...untyped } = file.model;
  for (const same of [
    { model: untyped },
    model({ merges: file.model.merges.map((merge: string) => merge.split(' ')) }),
    model({ dropout: 0, continuing_subword_prefix: '', end_of_word_suffix: '', unk_token: '<|end|>' }),
    model({ ignore_merges: true }),
    { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true } },
    {
      normalizer: { type: 'Sequence', normalizers: [] },
      decoder: null,
      post_processor: { type: 'TemplateProcessing' },
    },
  ])
    expect(hashOf(read(same))).toBe(hash);
  const pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  const other = read(split(pattern, { behavior: 'Removed', invert: true }));
  expect([...other.encode(TEXT)]).toEqual([...trained(GPT2_PATTERN).encode(TEXT)]);
});

test('of all the pairs that a token can be made of, as some tools list them, the one that is made is kept', () => {
  const tokenizer = new RegexTokenizer(GPT4_PATTERN, {
    merges: [
      [98, 99],
      [97, 98],
      [99, 100],
      [97, 256],
      [259, 100],
    ],
  });
  const all = JSON.parse(writeHuggingFace(tokenizer));
  expect(all.model.merges).toEqual(['b c', 'a b', 'c d', 'a bc', 'abc d']);
  const merges = ['b c', 'a b', 'c d', 'ab c', 'a bc', 'ab cd', 'abc d'];
  expect(hashOf(readHuggingFace({ ...all, model: { ...all.model, merges } }, 'it'))).toBe(hashOf(tokenizer));
});

test.each<[string, Json]>([
  ['the model WordPiece', { model: { type: 'WordPiece', vocab: {} } }],
  ['the model Unigram', { model: { type: 'Unigram', vocab: [] } }],
  ['the normalizer NFC', { normalizer: { type: 'NFC' } }],
  ['the normalizer Sequence', { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }] } }],
  ['add_prefix_space', { pre_tokenizer: { ...byteLevel, add_prefix_space: true } }],
  ['the pre-tokenizer Whitespace', { pre_tokenizer: { type: 'Whitespace' } }],
  ['the pre-tokenizer Digits', { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, byteLevel] } }],
  ['no pre-tokenizer, and so no bytes', { pre_tokenizer: null }],
  ['a pre-tokenizer that does not end with ByteLevel', { pre_tokenizer: { type: 'Sequence', pretokenizers: [] } }],
  ['a Split with the behavior Removed', split('a', { behavior: 'Removed' })],
  ['a Split with the behavior Removed, inverted', split('a', { behavior: 'Removed', invert: true })],
  ['a Split with the behavior MergedWithNext', split('a', { behavior: 'MergedWithNext' })],
  ['a Split without a regular expression', split('a', { pattern: { String: ' ' } })],
  ['an interval with a "+" after it in its pattern', split('\\p{N}{1,3}+|.')],
  ['the decoder Metaspace', { decoder: { type: 'Metaspace' } }],
  ['truncation', { truncation: { max_length: 512 } }],
  ['padding', { padding: { strategy: 'BatchLongest' } }],
  ['the added token "<m>" with lstrip', { added_tokens: [{ id: 999, content: '<m>', lstrip: true }] }],
  ['dropout', model({ dropout: 0.1 })],
  ['byte_fallback', model({ byte_fallback: true })],
  ['end_of_word_suffix', model({ end_of_word_suffix: '</w>' })],
  ['continuing_subword_prefix', model({ continuing_subword_prefix: '##' })],
])('%s is refused', (what, change) => {
  expect(refused(() => read(change))).toBe(
    `it has ${what}, which is not supported and would change its ids: give a byte-level BPE tokenizer.json without it.`,
  );
});

test('ignore_merges is refused where it would matter', () => {
  // "ab" is made before "bc", so that "abc" is never made of its bytes.
  const vocab = Object.fromEntries(Object.entries(file.model.vocab).filter(([, id]) => Number(id) < 256));
  const change = {
    added_tokens: [],
    model: { ...file.model, vocab: { ...vocab, ab: 256, bc: 257, abc: 258 }, merges: ['a b', 'b c', 'a bc'] },
  };
  expect([...read(change).encode('abc')]).toEqual([256, 99]);
  expect(refused(() => read({ ...change, model: { ...change.model, ignore_merges: true } }))).toContain(
    'ignore_merges gives whole',
  );
});

test('damaged files', () => {
  const { vocab, merges } = file.model;
  expect(refused(() => parse('{"model":{"type":"BPE"}}'))).toContain(
    'it is damaged: its model.vocab is not as Hugging Face',
  );
  expect(refused(() => read(model({ merges: ['a'] })))).toContain(
    'its model.merges.0 is not as Hugging Face writes it',
  );
  expect(refused(() => read(model({ vocab: { ...vocab, a: -1 } })))).toContain('is not as Hugging Face writes it');
  expect(refused(() => read({ added_tokens: [{ id: 1 }] }))).toContain('its added_tokens.0.content is not');
  expect(refused(() => read({ added_tokens: [] }))).toContain('no merge makes its token "<|end|>"');
  expect(refused(() => read(model({ merges: merges.slice(0, -1) })))).toContain('no merge makes its token');
  expect(refused(() => read(model({ merges: [...merges, 'ZZ Q'] })))).toContain('that the vocabulary does not have');
});

test('what cannot be written', () => {
  const make = (pattern: string, special: [string, number][]) => () =>
    writeHuggingFace(new RegexTokenizer(pattern, { merges: [] }, new Map(special)));
  expect(refused(make(GPT2_PATTERN, [['Ġ', 300]]))).toContain('the special token "Ġ" has the name of another token');
  expect(refused(make('\\p{N}{1,3}+|.', []))).toContain('without the "+"');
});
