// OpenAI's tokenizers on every code point of Unicode, alone.
import { expect, test } from 'vitest';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { codePoints } from './strings.ts';
import { isSame, truths } from './truth.ts';

test.each(truths())('$name is tiktoken on every code point alone', async ({ name, js, original }) => {
  const tokenizer = await publishedTokenizer(name);
  const differ: string[] = [];
  let compared = 0;
  for (const point of codePoints()) {
    const ids = tokenizer.encode(point);
    if (!isSame(ids, original.encode(point, [], []))) differ.push(point);
    // js-tiktoken takes its time: of those that are nothing, which are all cut alike, every sixteenth is left to it.
    if (compared++ % 16 > 0 && /\p{Cn}|\p{Co}/u.test(point)) continue;
    if (!isSame(ids, js.encode(point, [], []))) differ.push(point);
  }
  expect(compared).toBe(0x110000 - 0x800);
  expect(differ).toEqual([]);
});
