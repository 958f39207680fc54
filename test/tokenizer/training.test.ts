/** Training on files in threads is training on the whole text in one: the same chunks in the same order, and the same merges. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { learnMerges } from '../../core/tokenizer/merging/learnMerges.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { ChunkCounts } from '../../core/tokenizer/splitting/chunkCounts.ts';
import { chunksOf, patterns, splitterOf } from '../../core/tokenizer/splitting/patterns.ts';
import { countFiles } from '../../core/tokenizer/training/countFiles.ts';
import { cutIn, fileRange, fileRanges } from '../../core/tokenizer/training/fileRanges.ts';
import { readRange } from '../../core/tokenizer/training/range.ts';
import { trainFiles } from '../../core/tokenizer/training/trainFiles.ts';
import { toBytes, toText } from '../../core/tokenizer/utf8.ts';
import { scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
afterAll(remove);
const seed = Date.now() >>> 0;
const GPT4 = patterns.gpt4;
const known = Object.entries(patterns);

/** What patterns cut differently: white space of all kinds before and after line ends, contractions, marks, several scripts. */
const bits = fc.constantFrom(
  ...[
    "'s",
    "'LL",
    "'",
    'a',
    'word',
    'Ä',
    'é',
    'e\u0301',
    '你好',
    '字',
    'か',
    '한',
    '1',
    '1234',
    '٣',
    '。',
    '!',
    '--',
    '🌊',
  ],
  ...[' ', '  ', '\n', '\n\n', '\r\n', '\t', '\u3000', '\u0085', '\u00a0', '\ufeff', ' \n ', '\u2028'],
);
const texts = fc.array(bits, { maxLength: 60 }).map((parts) => parts.join(''));

function file(name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

/** Text of about so many bytes, of words that repeat as a language's do, with a little of everything else. */
function someText(bytes: number, from: number): string {
  const random = fc.sample(bits, { seed: from, numRuns: 4000 });
  let text = '';
  for (let i = 0, word = from; text.length < bytes; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    text += i % 7 === 0 ? random[word % random.length] : `w${(word >>> 20).toString(36)}${i % 11 === 0 ? '\n' : ' '}`;
  }
  return text;
}

const chunkList = (counts: ChunkCounts) => [...counts.entries()].map(([bytes, count]) => [toText(bytes), count]);

describe('a place to cut', () => {
  test.each(known)("is a chunk's end for %s, whatever stands on either side", (_, pattern) => {
    const splitter = splitterOf(pattern);
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = toBytes(text);
        const at = cutIn(bytes);
        if (at < 0) return;
        const [before, after] = [toText(bytes.subarray(0, at)), toText(bytes.subarray(at))];
        expect(before + after).toBe(text);
        expect([...chunksOf(splitter, before), ...chunksOf(splitter, after)]).toEqual([...chunksOf(splitter, text)]);
      }),
      { seed, numRuns: 3000 },
    );
  });

  test('is the same in bytes that are no UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), texts, fc.uint8Array({ maxLength: 4 }), (junk, text, more) => {
        const bytes = Uint8Array.from([...junk, ...toBytes(text), ...more]);
        const at = cutIn(bytes);
        if (at >= 0) expect(toText(bytes.subarray(0, at)) + toText(bytes.subarray(at))).toBe(toText(bytes));
      }),
      { seed, numRuns: 3000 },
    );
  });

  test('is found after a word or a number, and nowhere else', () => {
    expect(cutIn(toBytes('word next'))).toBe(4);
    expect(cutIn(toBytes('12,5'))).toBe(2);
    expect(cutIn(toBytes('字。字'))).toBe(3);
    expect(cutIn(toBytes("don't"))).toBe(-1);
    expect(cutIn(toBytes('  \n\n !!'))).toBe(-1);
  });
});

describe('files counted in threads', () => {
  test.each(known)('give the chunks of one text each, in their order: %s', async (_, pattern) => {
    const parts = [someText(900_000, seed), '', someText(300_000, seed + 1)];
    const files = parts.map((part, i) => file(`part${i}.txt`, part));
    const ranges = await fileRanges(files, splitterOf(pattern), 3);
    expect(ranges.length).toBeGreaterThan(3);
    const whole = new ChunkCounts(splitterOf(pattern));
    for (const part of parts) whole.add(part);
    for (const threads of [1, 3])
      expect(chunkList(await countFiles(files, { pattern, threads })), `seed ${seed}`).toEqual(chunkList(whole));
  });

  test('are cut nowhere for a pattern that is not known', async () => {
    const path = file('whole.txt', someText(900_000, seed));
    const pattern = '\\w+\\s*(?=\\w+ \\w+\\n)|\\S+|\\s+';
    expect(await fileRanges([path], splitterOf(pattern), 4)).toHaveLength(1);
    const whole = new ChunkCounts(splitterOf(pattern));
    whole.add(someText(900_000, seed));
    expect(chunkList(await countFiles([path], { pattern, threads: 2 }))).toEqual(chunkList(whole));
  });

  test('stop when they are told to', async () => {
    const path = file('stopped.txt', someText(900_000, seed));
    const stop = new AbortController();
    const counting = countFiles([path], {
      pattern: GPT4,
      threads: 2,
      signal: stop.signal,
      progress: () => stop.abort(new Error('enough')),
    });
    await expect(counting).rejects.toThrow('enough');
  });
});

describe('training on files', () => {
  test('learns the merges of the whole text, bit for bit, on any number of threads', async () => {
    const text = someText(700_000, seed);
    const path = file('training.txt', text);
    const { pairs } = RegexTokenizer.train(text, 700);
    for (const threads of [1, 2, 4]) {
      const trained = await trainFiles([path], { pattern: GPT4, vocabSize: 700, special: [], threads });
      expect(trained.pairs.merges, `seed ${seed}`).toEqual(pairs.merges);
    }
  });

  test('of a file that goes while it is read says so', async () => {
    const range = await fileRange(file('gone.txt', 'here'));
    rmSync(range.file);
    const error: unknown = await readRange(range).catch((error) => error);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/gone\.txt cannot be read any more \(ENOENT\): see/),
    });
  });

  test('counts special tokens among the vocabulary, and gives them the last ids', async () => {
    const path = file('small.txt', 'low lower lowest\n'.repeat(20));
    const options = { pattern: GPT4, threads: 1 };
    const trained = await trainFiles([path], { ...options, vocabSize: 262, special: ['<|a|>', '<|b|>'] });
    expect(trained.pairs.merges).toHaveLength(4);
    expect([...trained.special]).toEqual([
      ['<|a|>', 260],
      ['<|b|>', 261],
    ]);
    // Where no pair is left they follow the last one.
    const all = await trainFiles([path], { ...options, vocabSize: 5000, special: ['<|a|>'] });
    expect(all.special.get('<|a|>')).toBe(256 + all.pairs.merges.length);
    expect(all.vocabSize).toBeLessThan(300);
    await expect(trainFiles([path], { ...options, vocabSize: 257, special: ['a', 'b'] })).rejects.toThrow(
      /no room for 256 bytes and 2 special tokens: make it at least 258/,
    );
  });

  test('without a pattern merges across words, but not from file to file', async () => {
    const [a, b] = [file('a.txt', 'aaabdaaabac'), file('b.txt', 'xyxyxy \xff')];
    const trained = await trainFiles([a, b], { pattern: null, vocabSize: 259, special: [], threads: 1 });
    expect(trained).toBeInstanceOf(BasicTokenizer);
    const chunks = [toBytes('aaabdaaabac'), toBytes('xyxyxy \xff')].map((bytes) => [bytes, 1] as const);
    expect(trained.pairs.merges).toEqual(learnMerges(chunks, 3));
  });
});
