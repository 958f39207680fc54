// Running text: its characters, its split by position, its windows, and the lecture's own figures on its own file.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadText } from '../../core/data/load.ts';
import { batchIndices } from '../../core/data/sampler.ts';
import { splitTokens } from '../../core/data/split.ts';
import { parseText } from '../../core/data/text.ts';
import { Windows } from '../../core/data/windows.ts';
import { UserError } from '../../core/errors.ts';
import { CharacterTokenizer, MAX_IDS } from '../../core/tokenizer/character.ts';

const counting = (n: number) => Uint16Array.from({ length: n }, (_, i) => i);

describe('reading', () => {
  const parse = (text: string) => parseText(new TextEncoder().encode(text), 'it');

  test('every character is kept; all line ends are "\\n", as in Python, and a byte-order mark goes', () => {
    expect(parse('\ufeffa.\r\n\r\n b\rc\n')).toBe('a.\n\n b\nc\n');
  });

  test('an empty text, one that is not UTF-8, and no text at all', async () => {
    expect(() => parse('')).toThrow(new UserError('it is empty: give a file with text.'));
    expect(() => parseText(Uint8Array.of(0xff), 'it')).toThrow('it is not valid UTF-8 text: save it as UTF-8');
    await expect(loadText('')).rejects.toThrow('has no data of its own: give the path of a text file with --data.');
  });

  test('a file, known by the hash of its bytes', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'manygrad-text-'));
    const path = join(dir, 'text');
    await writeFile(path, 'ab\r\n');
    const sha256 = 'c7c0875507bd96d407f116eaf706de057c9f1f0255f07ff8f57d0f8a527d7a50';
    expect(await loadText(path)).toEqual({ kind: 'text', text: 'ab\n', name: path, sha256 });
    await rm(dir, { recursive: true });
  });
});

describe('characters', () => {
  test("are the text's own in the order of their code points, line ends and all, with no boundary", () => {
    const characters = CharacterTokenizer.fromText('b.\na\u{1f600}\u{ff21}b');
    expect(characters.symbols).toEqual(['\n', '.', 'a', 'b', '\u{ff21}', '\u{1f600}']);
    expect([...characters.encode('a\n\u{1f600}.')]).toEqual([2, 0, 5, 1]);
    expect(characters.decode([2, 0, 5, 1])).toBe('a\n\u{1f600}.');
    expect([characters.idOf('.'), characters.idOf('x')]).toEqual([1, undefined]);
  });

  test('texts survive encoding and decoding, and a rebuilt vocabulary is the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const characters = CharacterTokenizer.fromText(text);
        expect(characters.decode(characters.encode(text))).toBe(text);
        expect(new CharacterTokenizer(characters.chars).symbols).toEqual(characters.symbols);
      }),
    );
  });

  test('an unknown one is shown with its line, and its number where the text is a file', () => {
    const abc = new CharacterTokenizer('abc\n');
    const what = 'has the character "é" (U+00E9), which is not among the 4 of the vocabulary: remove it';
    expect(() => abc.encode('ab\nbé\nc')).toThrow(`"bé" ${what}`);
    expect(() => abc.encode('ab\nbé\nc', 'none', 1)).toThrow(`line 2, "bé", ${what}`);
  });

  test('as many as there are ids, and no more; each once', () => {
    const all = Array.from({ length: MAX_IDS + 1 }, (_, i) => String.fromCodePoint(0x10000 + i));
    expect(new CharacterTokenizer(all.slice(1)).vocabSize).toBe(MAX_IDS);
    expect(() => new CharacterTokenizer(all)).toThrow('65537 distinct characters, more than the 65536');
    expect(() => new CharacterTokenizer('aa')).toThrow('"a" (U+0061) twice: give each once.');
  });
});

describe('the split', () => {
  test('the first nine tenths and the rest, in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(500), (blockSize, more) => {
        const tokens = counting(10 * blockSize + 1 + more);
        const { train, val } = splitTokens(tokens, blockSize, 'it');
        expect(train.length).toBe(Math.floor(0.9 * tokens.length));
        expect([...train, ...val]).toEqual([...tokens]);
        // Each part can be cut into windows.
        expect(new Windows(train, blockSize).count).toBeGreaterThan(0);
        expect(new Windows(val, blockSize).evalCount).toBeGreaterThan(0);
      }),
    );
  });

  test('a text too short for a window to validate on, by one character', () => {
    expect(() => splitTokens(counting(320), 32, 'it')).toThrow(
      new UserError(
        'it has 320 characters, whose last tenth, to validate, holds no window of 32 and the character after it: ' +
          'give a text of at least 321, or lower model.blockSize.',
      ),
    );
    expect(splitTokens(counting(321), 32, 'it').val.length).toBe(33);
  });
});

describe('windows', () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100 }));

  test('those that a step draws from begin at every place, and predict the next token at every position', () => {
    fc.assert(
      fc.property(sizes, ([blockSize, count]) => {
        const tokens = counting(blockSize + count);
        const windows = new Windows(tokens, blockSize);
        expect([windows.count, windows.targets]).toEqual([count, blockSize]);
        const { x, y } = windows.draw(Uint32Array.from({ length: count }, (_, i) => count - 1 - i));
        const begins = Array.from({ length: count }, (_, i) => count - 1 - i);
        expect([...x]).toEqual(begins.flatMap((begin) => [...tokens.subarray(begin, begin + blockSize)]));
        expect([...y]).toEqual([...x].map((token) => token + 1));
      }),
    );
  });

  test('those of an evaluation follow each other and leave out less than a window', () => {
    fc.assert(
      fc.property(sizes, ([blockSize, count]) => {
        const tokens = counting(blockSize + count);
        const windows = new Windows(tokens, blockSize);
        const cut = Math.floor(windows.evalCount / 2);
        const parts = [windows.evalRows(0, cut), windows.evalRows(cut, windows.evalCount)];
        const covered = windows.evalCount * blockSize;
        expect(parts.flatMap(({ x }) => [...x])).toEqual([...tokens.subarray(0, covered)]);
        expect(parts.flatMap(({ y }) => [...y])).toEqual(parts.flatMap(({ x }) => [...x].map((token) => token + 1)));
        expect(tokens.length - 1 - covered).toBeLessThan(blockSize);
      }),
    );
  });

  test('drawn over the whole range, the last window included, as a function of the seed and the step', () => {
    const windows = new Windows(counting(35), 5);
    const places = batchIndices(1337, 7, 500, windows.count);
    const { x } = windows.draw(places);
    expect(new Set(x.filter((_, i) => i % 5 === 0)).size).toBe(30);
    expect(windows.draw(batchIndices(1337, 7, 500, windows.count)).x).toEqual(x);
    expect(windows.draw(batchIndices(1337, 8, 500, windows.count)).x).not.toEqual(x);
    expect(Math.max(...windows.draw(places).y)).toBe(34);
  });

  test('those of an evaluation that may not take all are as many as it may, all over the text', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 30 }), ([blockSize, count], most) => {
        const windows = new Windows(counting(blockSize + count), blockSize, most);
        const all = Math.floor((blockSize + count - 1) / blockSize);
        expect(windows.evalCount).toBe(Math.min(all, most));
        const begins = [...windows.evalRows(0, windows.evalCount).x].filter((_, i) => i % blockSize === 0);
        const apart = begins.map((begin, i) => (begin - (begins[i - 1] ?? -1 - blockSize)) / blockSize);
        // None twice, and none much farther from the next than another.
        for (const distance of apart.slice(1)) expect(Math.abs(distance - all / windows.evalCount)).toBeLessThan(1);
        expect(windows.evalRows(0, windows.evalCount).y).toEqual(
          windows.evalRows(0, windows.evalCount).x.map((token) => token + 1),
        );
      }),
    );
  });

  test('of more tokens than a draw has numbers for begin at every second or third place', () => {
    const begins: number[] = [];
    const slice = (from: number, to: number) => {
      begins.push(from);
      return new Uint16Array(to - from);
    };
    const length = 10_000_000_000;
    const windows = new Windows({ length, slice }, 1024);
    expect(windows.count).toBeLessThan(2 ** 32);
    windows.draw(Uint32Array.of(0, 1, windows.count - 1));
    expect(begins.slice(0, 2)).toEqual([0, 3]);
    expect(begins[2]).toBeGreaterThan(length - 1024 - 4);
    expect(begins[2]).toBeLessThan(length - 1024);
  });

  test('places and sizes that there are not', () => {
    expect(() => new Windows(counting(9), 5).draw(Uint32Array.of(4))).toThrow('window 4 is not among 4');
    for (const blockSize of [0, 1.5, 9]) expect(() => new Windows(counting(9), blockSize)).toThrow(RangeError);
  });
});

const SHAKESPEARE = '../shared/data/tinyshakespeare.txt';
test.skipIf(!existsSync(SHAKESPEARE))(`tiny Shakespeare (skipped where ${SHAKESPEARE} is absent)`, async () => {
  const { text } = await loadText(SHAKESPEARE);
  const characters = CharacterTokenizer.fromText(text);
  // As the lecture prints them.
  expect(characters.chars).toBe("\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  expect([...characters.encode('hii there')]).toEqual([46, 47, 47, 1, 58, 46, 43, 56, 43]);
  const tokens = Uint16Array.from(characters.encode(text));
  expect([...tokens.subarray(0, 9)]).toEqual([18, 47, 56, 57, 58, 1, 15, 47, 58]);
  const { train, val } = splitTokens(tokens, 32, SHAKESPEARE);
  expect([tokens.length, train.length, val.length]).toEqual([1_115_394, 1_003_854, 111_540]);
});
