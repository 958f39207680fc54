/** `manygrad tokenizer page`: serves the page until it is told to stop, and says what is wrong with what it is given. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { Cli, endAll, refused, scratch } from '../support/cli.ts';
import { complains } from '../support/commands.ts';

const { dir, remove } = scratch();

afterAll(async () => {
  await endAll();
  remove();
});

test('offers the files that it is given, and ends when it is told to', async () => {
  const file = join(dir, 'small.model');
  writeFileSync(file, writeMinbpe(RegexTokenizer.train('the theme of the thesis', 260)));
  const cli = new Cli(['tokenizer', 'page', file, '--listen', '127.0.0.1:0', '--json']);
  const { url } = (await cli.until((e) => e.event === 'listening')) as unknown as { url: string };
  for (const path of ['', 'tokens'])
    expect((await fetch(url + path)).headers.get('content-security-policy')).toContain("default-src 'none'");
  expect((await fetch(`${url}dashboard.js`)).status).toBe(404);
  const list = await (await fetch(`${url}tokenizers`)).json();
  expect(list).toContainEqual({ name: 'small.model', path: '/tokenizers/own/0.json' });
  await refused(['tokenizer', 'page', '--listen', new URL(url).host], /port \d+ is in use: choose another address/);
  cli.kill('SIGINT');
  expect(await cli.exited).toEqual({ code: 0, signal: null });
});

test.each([
  [['tokenizer', 'page', 'no-such-file'], /no-such-file cannot be read \(ENOENT\)/],
  [['tokenizer', 'page', '--listen', 'nowhere'], /--listen nowhere is no address/],
  [['tokenizer'], /Say what to do with tokenizers: .*page/],
])('%j is refused', (args, what) => complains(args, what));
