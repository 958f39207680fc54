// Tokenizers in the formats of others: what is written is read to the same hash, what is published is known, what is damaged or would
// give other ids is refused in a sentence.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { hashOf, describe as plain } from '../../core/tokenizer/description.ts';
import { fromAlphabet, toAlphabet } from '../../core/tokenizer/formats/byteAlphabet.ts';
import { readGpt2Files, writeGpt2Files } from '../../core/tokenizer/formats/gpt2Files.ts';
import { readHuggingFace, writeHuggingFace } from '../../core/tokenizer/formats/huggingFace.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { readTiktoken, writeTiktoken } from '../../core/tokenizer/formats/tiktoken.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/gpt2Splitter.ts';
import { GPT4_PATTERN } from '../../core/tokenizer/gpt4Splitter.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { O200K_PATTERN } from '../../core/tokenizer/o200k.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

const TEXT = "the theme: then there's 'the' other 2024 2025, und über 世界 😀😀 \n\n  the __proto__ end";
const SPECIAL = new Map([
  ['<|end|>', 400],
  ['<|pad|>', 402],
]);
const trained = (pattern: string) =>
  new RegexTokenizer(pattern, { merges: RegexTokenizer.train(TEXT, 300, pattern).pairs.merges }, SPECIAL);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manygrad-formats-'));
});
afterAll(() => rm(folder, { recursive: true }));

const parse = (text: string) => parseTokenizer(toBytes(text), 'it');
const refused = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // One sentence.
    expect(error.message).toMatch(/^\S.*[^.]\.$/s);
    return error.message;
  }
  throw new Error('nothing was refused');
};

test("GPT-2's alphabet: a character for each byte, as its files have them", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = toAlphabet(all);
  expect(new Set(text).size).toBe(256);
  expect(fromAlphabet(text)).toEqual(all);
  expect(toAlphabet(toBytes(' the\n\té\0\x7f'))).toBe('ĠtheĊĉÃ©Āġ');
  // A no-break space and a soft hyphen cannot be seen either: the last two of those moved.
  expect(toAlphabet(Uint8Array.of(0xa0, 0xad, 0xa1, 0xff))).toBe('łŃ¡ÿ');
  expect(/^[!-~¡-¬®-ÿĀ-Ń]+$/.test(text)).toBe(true);
  expect(fromAlphabet('Ġ the')).toBeNull();
});

describe('tiktoken', () => {
  test('what is written is read to the same', () => {
    const tokenizer = trained(GPT4_PATTERN);
    const text = writeTiktoken(tokenizer);
    expect(text.split('\n')[0x61]).toBe('YQ== 97');
    const cut = { pattern: GPT4_PATTERN, special: SPECIAL };
    expect(hashOf(readTiktoken(text, 'it', cut))).toBe(hashOf(tokenizer));
    expect(hashOf(readTiktoken(text.replaceAll('\n', '\r\n'), 'it', cut))).toBe(hashOf(tokenizer));
    // Without being told: GPT-4's pattern and no special tokens.
    const parsed = parse(text);
    expect(hashOf(parsed)).toBe(hashOf(readTiktoken(text, 'it', { pattern: GPT4_PATTERN, special: new Map() })));
    expect(parsed.special.size).toBe(0);
  });

  test.each(['gpt2', 'p50k_base', 'cl100k_base', 'o200k_base'])("OpenAI's own %s is known", async (name) => {
    const tokenizer = await publishedTokenizer(name);
    const read = parse(writeTiktoken(tokenizer));
    expect(hashOf(read)).toBe(hashOf(tokenizer));
    expect(read.special).toEqual(tokenizer.special);
  });

  test('merges whose ids are not in their order cannot be written', () => {
    const merges: [number, number][] = [
      [97, 98],
      [98, 99],
    ];
    const make = (mergeIds: number[]) => new RegexTokenizer(GPT2_PATTERN, { merges, mergeIds });
    expect(writeTiktoken(make([300, 305]))).toContain('YWI= 300\nYmM= 305\n');
    // "abc" is (ab)c, and would be a(bc).
    expect(refused(() => writeTiktoken(make([301, 300])))).toContain(
      'this tokenizer has another: write a Hugging Face tokenizer.json instead.',
    );
  });

  test('damaged files', () => {
    const lines = writeTiktoken(trained(GPT4_PATTERN)).trimEnd().split('\n');
    const change = (at: number, line: string) => refused(() => parse(lines.with(at, line).join('\n')));
    expect(change(7, 'YQ=')).toBe('it is damaged: line 8 should be a token in base64, a blank, and its rank.');
    expect(change(7, 'YQ== x')).toContain('line 8 should be');
    expect(change(7, ' 7')).toContain('line 8 should be');
    expect(change(7, lines[8] ?? '')).toContain('line 9 has a token or a rank that an earlier line has');
    expect(change(7, 'enp6eg== 7')).toBe(
      'it: these ranks have no token for the byte 7: they are no vocabulary of byte pairs.',
    );
    expect(change(299, 'enp6eg== 299')).toContain('the token 299 is made of no two tokens before it');
    expect(change(299, `${btoa('th')}== 299`)).toContain('line 300');
    expect(change(0, `${btoa('\0')} 999999999`)).toContain('an id above');
  });
});

describe("GPT-2's two files", () => {
  const tokenizer = trained(GPT2_PATTERN);
  const { encoderJson, vocabBpe } = writeGpt2Files(tokenizer);

  test('what is written is read to the same', () => {
    expect(hashOf(readGpt2Files(encoderJson, vocabBpe, 'it'))).toBe(hashOf(tokenizer));
    expect(hashOf(readGpt2Files(encoderJson, vocabBpe.replaceAll('\n', '\r\n'), 'it'))).toBe(hashOf(tokenizer));
    expect(vocabBpe.split('\n').slice(0, 2)).toEqual(['#version: 0.2', 't h']);
    expect(Object.keys(JSON.parse(encoderJson))).toHaveLength(302);
  });

  test("GPT-2's own", async () => {
    const gpt2 = await publishedTokenizer('gpt2');
    const files = writeGpt2Files(gpt2);
    // As they are published: the first merges, the first and the last token.
    expect(files.vocabBpe.startsWith('#version: 0.2\nĠ t\nĠ a\nh e\ni n\nr e\n')).toBe(true);
    expect(files.encoderJson.startsWith('{"!":0,"\\"":1,"#":2,')).toBe(true);
    expect(files.encoderJson.endsWith(',"<|endoftext|>":50256}\n')).toBe(true);
    expect(hashOf(readGpt2Files(files.encoderJson, files.vocabBpe, 'it'))).toBe(hashOf(gpt2));
  });

  test.each([
    ['encoder.json', 'vocab.bpe'],
    ['vocab.json', 'merges.txt'],
  ])('%s is opened with the %s beside it, by the name of either or of the folder', async (encoder, merges) => {
    const inside = join(folder, encoder);
    await mkdir(inside);
    await writeFile(join(inside, encoder), encoderJson);
    await expect(loadTokenizer(join(inside, encoder))).rejects.toThrow(
      `the tokenizer ${join(inside, merges)} cannot be read (ENOENT)`,
    );
    await writeFile(join(inside, merges), vocabBpe);
    for (const path of [inside, join(inside, encoder), join(inside, merges)])
      expect(hashOf(await loadTokenizer(path))).toBe(hashOf(tokenizer));
  });

  test('damaged files', () => {
    const read = (encoder: string, merges: string) => refused(() => readGpt2Files(encoder, merges, 'it'));
    expect(read('{', vocabBpe)).toBe('it is damaged: an encoder.json is an object of token names and ids.');
    expect(read('{"a":"b"}', vocabBpe)).toContain('an encoder.json is an object of token names and ids');
    expect(read(encoderJson, `${vocabBpe}a\n`)).toMatch(/line \d+ of its merges should be two token names/);
    expect(read(encoderJson, `${vocabBpe}t h\n`)).toContain('the merge of t and h is listed twice');
    expect(read(encoderJson, `${vocabBpe}Q Q\n`)).toContain('makes a token that the vocabulary does not have');
    expect(read(encoderJson, vocabBpe.split('\n').slice(0, -3).join('\n'))).toContain(
      'it does not fit its merges, none of which makes',
    );
    expect(read(encoderJson.replace('"a":', '"aQa":'), vocabBpe)).toContain('there is no token for the byte 97, a');
    expect(read(encoderJson.replace('"a":97', '"a":98'), vocabBpe)).toContain('the token 98 is given twice');
    expect(refused(() => parse(encoderJson))).toContain('looks like an encoder.json');
  });

  test('what they cannot hold', () => {
    expect(refused(() => writeGpt2Files(trained(GPT4_PATTERN)))).toContain("cut by GPT-2's pattern");
    const odd = new RegexTokenizer(GPT2_PATTERN, { merges: [] }, new Map([['END', 300]]));
    expect(refused(() => writeGpt2Files(odd))).toContain('give it a name of its own such as "<|END|>"');
    const twice = new RegexTokenizer(GPT2_PATTERN, {
      merges: [
        [97, 98],
        [98, 99],
        [256, 99],
        [97, 257],
      ],
    });
    expect(refused(() => writeGpt2Files(twice))).toContain('the tokens 258 and 259 have the same bytes');
  });
});

describe('Hugging Face', () => {
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
    [
      'the pre-tokenizer Digits',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, byteLevel] } },
    ],
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
});

describe('opening', () => {
  test('what is none, and what there is not', async () => {
    for (const text of ['', 'hello', '[1,2]', '{}', 'null', '{"format":"manygrad-tokenizer-2"}'])
      expect(refused(() => parse(text))).toMatch(/^it is no tokenizer/);
    expect(refused(() => parse('{"format":"manygrad-tokenizer-1","kind":"bytePairs","pattern":1}'))).toContain(
      'it is damaged: its ',
    );
    await expect(loadTokenizer(join(folder, 'none'))).rejects.toThrow('cannot be read (ENOENT)');
    await mkdir(join(folder, 'empty'));
    await expect(loadTokenizer(join(folder, 'empty'))).rejects.toThrow('there is no tokenizer in the folder');
  });

  test("a folder's tokenizer.json, manygrad's own or Hugging Face's, with a byte-order mark or without", async () => {
    const tokenizer = trained(GPT2_PATTERN);
    await mkdir(join(folder, 'run'));
    for (const text of [JSON.stringify(plain(tokenizer)), `\ufeff${writeHuggingFace(tokenizer)}`]) {
      await writeFile(join(folder, 'run', 'tokenizer.json'), text);
      expect(hashOf(await loadTokenizer(join(folder, 'run')))).toBe(hashOf(tokenizer));
    }
  });
});
