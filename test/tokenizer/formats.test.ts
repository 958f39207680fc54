// Tokenizers in the formats of others: what is written is read to the same hash, what is published is known, what is damaged
// is refused in a sentence.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashOf, describe as plain } from '../../core/tokenizer/description.ts';
import { fromAlphabet, toAlphabet } from '../../core/tokenizer/formats/byteAlphabet.ts';
import { readGpt2Files, writeGpt2Files } from '../../core/tokenizer/formats/gpt2Files.ts';
import { writeHuggingFace } from '../../core/tokenizer/formats/huggingFace.ts';
import { readTiktoken, writeTiktoken } from '../../core/tokenizer/formats/tiktoken.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { GPT4_PATTERN } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { parse, refused, SPECIAL, trained } from './written.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manygrad-formats-'));
});
afterAll(() => rm(folder, { recursive: true }));

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
    expect(change(0, `${btoa('\0')} 999999999`)).toContain('is above 4194303');
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
