/** `manygrad tokenizer convert`: every format, by the command; what is in the files is formats.test.ts's. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FORMATS } from '../../cli/tokenizer/formats.ts';
import { hashOf, describe as toDescription } from '../../core/tokenizer/description.ts';
import { writeMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { trainSentencePiece } from '../../core/tokenizer/sentencePiece/train.ts';
import { GPT2_PATTERN } from '../../core/tokenizer/splitting/gpt2Splitter.ts';
import { scratch } from '../support/cli.ts';
import { complains, printed } from '../support/commands.ts';

const { dir, remove } = scratch();
const path = (name: string) => join(dir, name);
afterAll(remove);

const TEXT = 'the cat sat on the mat and the dog sat on the cat';
const ours = new RegexTokenizer(
  GPT2_PATTERN,
  { merges: RegexTokenizer.train(TEXT, 270, GPT2_PATTERN).pairs.merges },
  new Map([['<|endoftext|>', 270]]),
);

beforeAll(() => writeFileSync(path('mine.model'), writeMinbpe(ours)));

test.each(FORMATS)('to %s', async (to) => {
  const out = path(to);
  const told = JSON.parse(
    await printed('tokenizer', 'convert', path('mine.model'), '--to', to, '--out', out, '--json'),
  );
  expect(told).toMatchObject({ event: 'converted', to, hash: hashOf(ours) });
  for (const file of told.files) expect(existsSync(file)).toBe(true);
  const read = await loadTokenizer(out);
  const text = `${TEXT}, an unseen one 🙂`;
  expect([...read.encode(text)]).toEqual([...ours.encode(text)]);
  // A rank file has neither pattern nor special tokens.
  if (to !== 'tiktoken') expect(hashOf(read)).toBe(hashOf(ours));
});

test('refuses what a format cannot hold, and writes nothing', async () => {
  const pieces = trainSentencePiece(TEXT, { vocabSize: 300 });
  writeFileSync(path('pieces.json'), JSON.stringify(toDescription(pieces)));
  const out = path('nothing');
  await complains(['tokenizer', 'convert', path('pieces.json'), '--to', 'minbpe', '--out', out], /use --to manygrad/);
  await complains(['tokenizer', 'convert', 'gpt2', '--to', 'minbpe', '--out', out], /has another/);
  await complains(['tokenizer', 'convert', path('none'), '--to', 'minbpe', '--out', out], /cannot be read/);
  expect(existsSync(out)).toBe(false);
});
