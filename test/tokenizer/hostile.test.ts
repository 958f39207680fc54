// Tokenizers' files from strangers: what is made to fill the memory, to take for ever, or to be taken for something else is refused in
// one sentence, or read as what it is.
import { expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { CharacterTokenizer } from '../../core/tokenizer/character.ts';
import { DESCRIPTION_FORMAT } from '../../core/tokenizer/description.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { patternNamed } from '../../core/tokenizer/splitting/patterns.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';

const bytePairs = {
  format: DESCRIPTION_FORMAT,
  kind: 'bytePairs',
  pattern: null,
  byteIds: Array.from({ length: 256 }, (_, byte) => byte),
  merges: [],
  special: [],
};
const pieces = (...more: readonly unknown[]) => ({
  ...{ format: DESCRIPTION_FORMAT, kind: 'sentencePiece', form: 'identity', unknownSurface: '' },
  ...{ addDummyPrefix: false, removeExtraWhitespaces: false, pieces: [['<unk>', 0, 'unknown'], ...more] },
});
const read = (value: unknown) => parseTokenizer(toBytes(JSON.stringify(value)), 'it.json');

test.each<[string, unknown, string]>([
  [
    'each merge of what the one before made',
    { ...bytePairs, merges: Array.from({ length: 40 }, (_, i) => [i && 255 + i, i && 255 + i, 256 + i]) },
    'it.json: the tokens have more than 128 MiB up to merge 26: this is no vocabulary of byte pairs.',
  ],
  [
    'a special id that no memory holds',
    { ...bytePairs, special: [['<a>', 2 ** 32 + 5]] },
    'it.json: the special token "<a>" has the id 4294967301, which is above 4194303: give it a smaller one.',
  ],
  [
    'half a character as a special token',
    { ...bytePairs, special: [['\ud83d', 256]] },
    'it.json: the special token "\\ud83d" has half a character: give it whole ones.',
  ],
  [
    'half a character as a piece',
    pieces(['\ud83d', 0, 'userDefined']),
    'it.json: piece 1, "\\ud83d", has half a character: this is no SentencePiece vocabulary.',
  ],
  [
    'a symbol that is a book',
    pieces(['a'.repeat(2 ** 19), 0, 'userDefined']),
    'it.json: special tokens, or symbols, of more than 1000 characters, or 1048576 together, cannot be looked for: give shorter ones, or fewer.',
  ],
  [
    'special tokens without end',
    { ...bytePairs, special: Array.from({ length: 150_000 }, (_, i) => [`<|${i}|>`, 1000 + i]) },
    'it.json: special tokens, or symbols, of more than 1000 characters, or 1048576 together, cannot be looked for: give shorter ones, or fewer.',
  ],
  [
    'a pattern that takes the square of its length to read',
    { ...bytePairs, pattern: `a{${'1'.repeat(100_000)}` },
    'it.json: the pattern has 100002 characters, and 10000 are the most: give a shorter one, or gpt2 or gpt4.',
  ],
])('%s', (_, value, sentence) => {
  expect(() => read(value)).toThrow(new UserError(sentence));
});

test('a hundred thousand special tokens are as good as one', () => {
  const special = Array.from({ length: 100_000 }, (_, i) => [`<${i}>`, 256 + i]);
  const tokenizer = read({ ...bytePairs, special });
  expect(tokenizer.vocabSize).toBe(100_256);
  expect([...tokenizer.encode('a<99999>', 'all')]).toEqual([97, 100_255]);
});

const shown = Array.from({ length: 256 }, (_, byte) => `${btoa(String.fromCharCode(byte))} ${byte}`);

test('tokens of a rank file as long as a book: their merges are found, and the same as by learning', () => {
  const long = Array.from({ length: 20 }, (_, i) => `${btoa('a'.repeat(2 ** (i + 1)))} ${256 + i}`);
  const tokenizer = parseTokenizer(toBytes([...shown, ...long].join('\n')), 'it.tiktoken');
  expect([...tokenizer.encode('a'.repeat(2 ** 20 + 3), 'none')]).toEqual([275, 256, 97]);
});

test('a rank that no memory holds', () => {
  expect(() => parseTokenizer(toBytes([...shown, `${btoa('ab')} 999999999`].join('\n')), 'it.tiktoken')).toThrow(
    new UserError('it.tiktoken: the rank 999999999 is above 4194303: these ranks are no vocabulary of byte pairs.'),
  );
});

test('names that objects have by themselves are names like others', async () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    expect(patternNamed(name)).toBe(name);
    await expect(publishedTokenizer(name)).rejects.toThrow(UserError);
  }
  const special = ['constructor', '__proto__', 'toString'].map((name, i) => [name, 256 + i]);
  expect([...read({ ...bytePairs, special }).encode('__proto__a', 'all')]).toEqual([257, 97]);
});

test('a pattern whose matches are empty cuts no character in two', () => {
  for (const text of ['x😀y', '😀😀', 'x😀']) {
    const tokenizer = new RegexTokenizer('(?=😀)|x', { merges: [] });
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  }
});

test('half a character is U+FFFD to a tokenizer of characters, as to all others', () => {
  const tokenizer = CharacterTokenizer.fromText('a\ud83d');
  expect(tokenizer.chars).toBe('a\ufffd');
  expect([...tokenizer.encode('\ude00a\ufffd')]).toEqual([1, 0, 1]);
  expect(tokenizer.count('\ude00a')).toBe(2);
  expect(() => new CharacterTokenizer('a\ud83d')).toThrow('is not one character');
});
