/** From text to shards to a model that writes, by the command line: killed and gone on with, and refused what does not fit. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { makeShards } from '../../core/data/shards/make.ts';
import { describe as described, hashOf } from '../../core/tokenizer/description.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { Cli, endAll, readSummary, scratch } from '../support/cli.ts';
import { complains, printed } from '../support/commands.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
afterEach(endAll);
afterAll(remove);

/** Where the shared text is not, a verse will do. */
const SHARED = '../shared/data/taylorswift.txt';
const verse = Array.from({ length: 3000 }, (_, i) => `${i} green bottles hanging on the wall.\n`).join('');
const text = existsSync(SHARED) ? readFileSync(SHARED, 'utf8') : verse;
const END = 320;
const learned = RegexTokenizer.train(text, END);
const { merges } = learned.pairs;
const special = new Map([['<|endoftext|>', END]]);
const tokenizer = new RegexTokenizer(learned.pattern, { merges }, special);
const other = new RegexTokenizer(learned.pattern, { merges: merges.slice(0, -1) }, special);

async function ended(...args: string[]): Promise<Cli> {
  const cli = new Cli(args);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return cli;
}

const documents = (count: number, characters = text.length) =>
  Array.from(
    { length: count },
    (_, i) => `${JSON.stringify({ text: text.slice(i * 100).slice(0, characters) })}\n`,
  ).join('');
const options = { tokenizer, textField: 'text', separator: null, threads: 1 };
const small = ['--threads', '1', '--json', '--set', 'model.layers=1', '--set', 'batch=8', '--samples', '0'];
const quick = [...small, '--eval-every', '0'];

beforeAll(async () => {
  writeFileSync(at('tokenizer.json'), JSON.stringify(described(tokenizer)));
  writeFileSync(at('other.json'), JSON.stringify(described(other)));
  writeFileSync(at('few.jsonl'), documents(2, 30_000));
  await makeShards({ ...options, inputs: [at('few.jsonl')], out: at('shards'), shardTokens: 4_000 });
});

test('shards: killed again and again, the same files at the end', async () => {
  // Enough that none is near its end when it is killed.
  writeFileSync(at('many.jsonl'), documents(40));
  const shard = [
    ...['tokenizer', 'shard', at('many.jsonl'), '--tokenizer', at('tokenizer.json'), '--out', at('killed')],
    ...['--shard-tokens', '40000', '--json', '--threads', '1'],
  ];
  const bins = (out: string) => readdirSync(at(out)).filter((name) => name.endsWith('.bin'));
  for (const goal of [1, 4]) {
    const cli = new Cli(shard);
    await cli.until((e) => e.event === 'progress' && Number(e.shards) >= goal);
    cli.kill('SIGKILL');
    expect((await cli.exited).signal).toBe('SIGKILL');
    expect(JSON.parse(readFileSync(at('killed/shards.json'), 'utf8')).done).toBe(false);
  }
  const { events } = await ended(...shard);
  const [first] = events;
  expect(first?.shards).toBeGreaterThanOrEqual(4);
  await makeShards({ ...options, inputs: [at('many.jsonl')], out: at('whole/killed'), shardTokens: 40_000 });
  expect(bins('killed')).toEqual(bins('whole/killed'));
  expect(events.at(-1)).toMatchObject({ event: 'end', documents: 40, shards: bins('killed').length });
  for (const name of bins('killed'))
    expect(readFileSync(join(at('killed'), name)).equals(readFileSync(join(at('whole/killed'), name))), name).toBe(
      true,
    );
  expect(readdirSync(at('killed')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}, 30_000);

test('a GPT learns from shards; killed and resumed on other threads, the same bits', async () => {
  const train = (out: string) => ['train', 'text-gpt', '--data', at('shards'), '--out', at(out), '--steps', '40'];
  await ended(...train('run'), ...small, '--eval-every', '20');
  const first = new Cli([...train('killed-run'), ...small, '--eval-every', '20', '--checkpoint-every', '5']);
  await first.step(8);
  first.kill('SIGKILL');
  expect((await first.exited).signal).toBe('SIGKILL');
  await ended('train', '--resume', at('killed-run'), '--threads', '2', '--json', '--eval-every', '20');
  const { paramsSha256, valLoss, trainLoss } = readSummary(at('run'));
  expect(readSummary(at('killed-run'))).toMatchObject({ paramsSha256, valLoss, trainLoss });
  expect(valLoss).toBeLessThan(Math.log(END + 1));
  const { recipe } = JSON.parse(readFileSync(at('run/config.json'), 'utf8'));
  expect(recipe.data).toEqual({ kind: 'text', source: at('shards'), tokenizerSha256: hashOf(tokenizer) });

  // From its folder alone.
  const sampled = await printed('sample', at('run'), '--prompt', 'I naïve', '--length', '20', '--json');
  expect(JSON.parse(sampled).sample, sampled).toMatch(/^I naïve[\s\S]/);
  const measured = await printed('eval', at('run'), '--split', 'val', '--threads', '1', '--json');
  expect(JSON.parse(measured).loss).toBe(valLoss);

  // Its shards are not a larger tokenizer's: grow says what to do, and that can be done.
  const grow = ['grow', at('run'), '--out'];
  const kept = join(at('grown'), 'tokenizer.json');
  const said = await printed(...grow, at('grown'), '--special', '<|user|>');
  expect(said).toContain(`make shards with --tokenizer ${kept}, and grow`);
  const more = ['--tokenizer', kept, '--shard-tokens', '4000', '--threads', '1', '--out', at('larger')];
  await printed('tokenizer', 'shard', at('few.jsonl'), ...more);
  const again = await printed(...grow, at('grown-again'), '--tokenizer', kept, '--data', at('larger'));
  expect(again).toContain(`To train it on: manygrad train --resume ${at('grown-again')}`);
}, 40_000);

test('a GPT learns the tokens of a text; other tokenizers and shards of them are refused in a sentence', async () => {
  writeFileSync(at('text.txt'), text.slice(0, 20_000));
  const train = ['train', 'text-gpt', '--steps', '2', ...quick];
  const onText = [...train, '--data', at('text.txt'), '--tokenizer'];
  await ended(...onText, at('tokenizer.json'), '--out', at('text-run'));
  const resume = ['train', '--resume', at('text-run'), '--steps', '3'];
  // The page of tokens begins with it.
  const open = new Cli([...resume, '--threads', '0', '--listen', '127.0.0.1:0', '--json']);
  const { port } = await open.until(({ event }) => event === 'listening');
  const [first] = z.array(z.unknown()).parse(await (await fetch(`http://127.0.0.1:${port}/tokenizers`)).json());
  expect(first).toEqual({ name: 'text-run', path: '/tokenizers/own/0.json' });
  open.kill('SIGINT');
  expect((await open.exited).code).toBe(130);
  await complains(
    [...resume, '--tokenizer', at('other.json')],
    /other\.json is not the tokenizer that the run in \S+ was/,
  );
  copyFileSync(at('other.json'), at('text-run/tokenizer.json'));
  await complains(
    resume,
    /text-run\/tokenizer\.json is another tokenizer than the one used there: put the folder's own/,
  );
  const onShards = [...train, '--data', at('shards'), '--out', at('no-run'), '--tokenizer', at('other.json')];
  await complains(onShards, /^the shards in \S+shards were made with another tokenizer than \S+other\.json: /);
  await complains([...onText, 'cl100k_base', '--out', at('no-run')], /100,277 tokens is too large to train with/);
  expect(existsSync(at('no-run/config.json'))).toBe(false);
}, 30_000);
