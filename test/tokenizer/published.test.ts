// OpenAI's tokenizers, token for token: on the lectures' texts and on 100,000 random ones made to be cut wrongly.
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../core/errors.ts';
import { ChunkedTokenizer } from '../../core/tokenizer/chunked.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { PUBLISHED, publishedTokenizer } from '../../core/tokenizer/published.ts';
import { regexSplitter } from '../../core/tokenizer/splitting/splitter.ts';
import { anyText } from './strings.ts';
import { DISPUTED, isSame, truths } from './truth.ts';

describe.each(truths())('$name', async ({ name, js, original }) => {
  const tokenizer = await publishedTokenizer(name);

  for (const file of ['names.txt', 'tinyshakespeare.txt', 'taylorswift.txt']) {
    const path = `../shared/data/${file}`;
    test.skipIf(!existsSync(path))(`is tiktoken on ${file} (skipped where ${path} is absent)`, () => {
      const text = readFileSync(path, 'utf8');
      const ids = tokenizer.encode(text);
      expect(isSame(ids, js.encode(text))).toBe(true);
      expect(isSame(ids, original.encode(text))).toBe(true);
      expect(tokenizer.count(text)).toBe(ids.length);
      expect(tokenizer.decode(ids)).toBe(text);
    });
  }

  // Ten texts a run: a run costs as much as several of them.
  test('is tiktoken on 100,000 random texts, special tokens as ordinary text; and they come back', () => {
    const byPattern = new ChunkedTokenizer(tokenizer.pairs, regexSplitter(tokenizer.pattern), new Map());
    const compared = { js: 0, original: 0, pattern: 0 };
    const check = (text: string) => {
      const ids = tokenizer.encode(text, 'none');
      if (DISPUTED.test(text)) {
        if (isSame(ids, original.encode(text, [], []))) compared.original++;
        else {
          compared.pattern++;
          expect([text, ...ids]).toEqual([text, ...byPattern.encode(text)]);
        }
      } else {
        compared.js++;
        const theirs = js.encode(text, [], []);
        if (!isSame(ids, theirs)) expect([text, ...ids]).toEqual([text, ...theirs]);
      }
      if (tokenizer.count(text, 'none') !== ids.length) expect.unreachable(`another count of ${JSON.stringify(text)}`);
      // A lone surrogate is U+FFFD, and all else is what it was.
      const back = tokenizer.decode(ids);
      if (back !== text.toWellFormed()) expect(back).toBe(text.toWellFormed());
    };
    fc.assert(
      fc.property(fc.array(anyText(8), { minLength: 10, maxLength: 10 }), (texts) => {
        for (const text of texts) check(text);
      }),
      { numRuns: 10_000 },
    );
    expect(compared.js).toBeGreaterThan(60_000);
    expect(compared.original).toBeGreaterThan(5000);
    expect(compared.pattern).toBeLessThan(100);
  });

  test('is the original where js-tiktoken is not: U+0085, U+FEFF, "ſ"', () => {
    for (const text of ['a\x85\x85b', ' \x85 b', 'a\ufeff\ufeffb', ' \ufeff', "it'ſ", "x'ſa", '\ufeff\n a'])
      expect([...tokenizer.encode(text)]).toEqual([...original.encode(text)]);
  });

  test('reads special tokens as tiktoken does', () => {
    const text = 'a<|endoftext|> b<|fim_prefix|><|endofprompt|><|endoftext|><|endoftext|>\n';
    expect([...tokenizer.encode(text, 'all')]).toEqual([...original.encode(text, 'all')]);
    expect([...tokenizer.encode(text, new Set(['<|endoftext|>']))]).toEqual([
      ...original.encode(text, ['<|endoftext|>'], []),
    ]);
    expect(() => tokenizer.encode(text)).toThrow('the text holds the special token "<|endoftext|>"');
    expect(tokenizer.decode(tokenizer.encode(text, 'all'))).toBe(text);
  });

  test('every token is what tiktoken says', () => {
    let differ = 0;
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      let theirs: Uint8Array | null = null;
      try {
        theirs = original.decode_single_token_bytes(id);
      } catch {}
      if (theirs === null) expect(() => tokenizer.bytesOf(id)).toThrow(RangeError);
      else if (Buffer.compare(theirs, tokenizer.bytesOf(id)) !== 0) differ++;
    }
    expect(differ).toBe(0);
  });
});

test("the lecture's own", async () => {
  const [gpt2, gpt4] = await Promise.all([publishedTokenizer('gpt2'), publishedTokenizer('cl100k_base')]);
  expect([...gpt2.encode(' SolidGoldMagikarp')]).toEqual([43453]);
  expect([...gpt2.encode('<|endoftext|>', 'all')]).toEqual([50256]);
  expect([...gpt4.encode('<|endoftext|>', 'all')]).toEqual([100257]);
  expect([gpt2.vocabSize, gpt2.pairs.merges.length]).toEqual([50_257, 50_000]);
  expect([gpt4.vocabSize, gpt4.pairs.merges.length]).toEqual([100_277, 100_000]);
  expect([...gpt2.encode('    hello world!!!')]).toEqual([220, 220, 220, 23748, 995, 10185]);
  expect([...gpt4.encode('    hello world!!!')]).toEqual([262, 24748, 1917, 12340]);
  expect([...gpt4.encode('hello world!!!? (안녕하세요!) lol123 😉')]).toEqual([
    15339, 1917, 12340, 30, 320, 31495, 230, 75265, 243, 92245, 16715, 28509, 4513, 57037,
  ]);
});

test('all that are known by name open, and another is refused', async () => {
  for (const name of PUBLISHED) {
    const tokenizer = await loadTokenizer(name);
    expect(tokenizer.decode(tokenizer.encode("It's  2024,\n naïve 😀"))).toBe("It's  2024,\n naïve 😀");
  }
  await expect(publishedTokenizer('gpt5')).rejects.toThrow(
    new UserError(
      'no published tokenizer is called "gpt5": there are gpt2, r50k_base, p50k_base, cl100k_base, o200k_base.',
    ),
  );
});
