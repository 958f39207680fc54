/** A GPT on running text, from the command line: trained, resumed, sampled from, and refused what it cannot learn from. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cli, endAll, readJsonLines, readSummary, refused, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
const text = at('text.txt');
const run = at('run');
const STEPS = 100;

/** A text that is easy to learn, with characters that lines may not have or that end them. */
const verse = Array.from({ length: 120 }, (_, i) => `${i % 10} green bottles hanging on the wall.\n`).join('');
const common = ['--threads', '1', '--json', '--set', 'model.layers=2', '--eval-every', '50'];

async function sampled(...more: string[]): Promise<string[]> {
  const cli = new Cli(['sample', run, '--json', ...more]);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return cli.stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { sample: string }).sample);
}

let trained: Cli;
beforeAll(async () => {
  writeFileSync(text, verse);
  trained = new Cli(['train', 'text-gpt', '--data', text, '--out', run, '--steps', String(STEPS), ...common]);
  expect(await trained.exited, trained.stderr).toEqual({ code: 0, signal: null });
}, 30_000);
afterEach(endAll);
afterAll(remove);

describe('training', () => {
  test('learns, evaluates per token, and ends with one sample of several lines', () => {
    const losses = readJsonLines<{ loss?: number; valLoss?: number }>(join(run, 'log.jsonl'));
    const vocabulary = new Set(verse).size;
    // At first it knows nothing, after 100 steps most of the verse.
    expect(losses[0]?.loss).toBeGreaterThan(0.9 * Math.log(vocabulary));
    expect(losses[0]?.loss).toBeLessThan(1.1 * Math.log(vocabulary));
    const { valLoss, trainLoss } = readSummary(run);
    expect(valLoss).toBeLessThan(1.5);
    expect(trainLoss).toBeLessThan(1.5);
    expect(losses.filter((line) => line.valLoss !== undefined).length).toBe(2);
    const samples = trained.events.find((e) => e.event === 'samples')?.samples;
    expect(samples).toEqual([expect.stringContaining('\n')]);
    expect(String(samples).length).toBe(500);
  });

  test('the run says what its data is, and which characters it has', () => {
    const { recipe } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    expect(recipe.data).toEqual({ kind: 'text', source: text, vocab: [...new Set(verse)].toSorted().join('') });
  });

  test('stopped half-way and resumed, the same bits', async () => {
    const out = at('resumed');
    const options = ['--checkpoint-every', '20', ...common];
    const first = new Cli(['train', 'text-gpt', '--data', text, '--out', out, '--steps', String(STEPS), ...options]);
    await first.step(20);
    // It is written while the run goes on, which a slow disk may take many steps for.
    await expect.poll(() => existsSync(join(out, 'checkpoint-20.safetensors')), { timeout: 20_000 }).toBe(true);
    first.kill('SIGKILL');
    await first.exited;
    const second = new Cli(['train', '--resume', out, '--threads', '1', '--json', '--samples', '0']);
    expect((await second.until((e) => e.event === 'start')).step).toBeGreaterThanOrEqual(20);
    expect(await second.exited, second.stderr).toEqual({ code: 0, signal: null });
    const { paramsSha256, valLoss } = readSummary(run);
    expect(readSummary(out)).toMatchObject({ paramsSha256, valLoss });
  });

  test('a person sees tokens, windows and the sample as text', async () => {
    const out = at('person');
    const cli = new Cli(['train', 'text-gpt', '--data', text, '--out', out, '--steps', '2', '--threads', '1']);
    expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
    expect(cli.stdout).toMatch(/on 4,440 characters of .*text\.txt, 26 different ones\./);
    expect(cli.stdout).toMatch(/Each step: 16 windows of 32 tokens in micro-batches of 8\./);
    expect(cli.stdout).toMatch(/Done: 2 steps in .* tokens\/s\.\n/);
    expect(cli.stdout).toMatch(/\nSample:\n[\s\S]{500}\n\nMore with:/);
  });
});

describe('samples', () => {
  test('go on from a prompt for as many characters as are asked for, far beyond the window', async () => {
    // Longer than the context: what comes next depends on its last 32 characters.
    const prompt = verse.slice(-160, -1);
    const texts = await sampled('--prompt', prompt, '--length', '70', '--count', '3', '--temperature', '0.3');
    expect(texts.length).toBe(3);
    for (const sample of texts) {
      expect(sample.startsWith(`${prompt}\n`)).toBe(true);
      expect(sample.length).toBe(prompt.length + 70);
    }
    expect(new Set(texts).size).toBe(3);
  });

  test('the i-th is a function of the seed and i; an empty prompt begins after a line end', async () => {
    const cold = ['--length', '40', '--temperature', '0.01'];
    const two = await sampled('--count', '2', ...cold, '--seed', '5');
    expect(two[0]).toMatch(/^\d green/);
    expect(await sampled('--count', '1', ...cold, '--seed', '5')).toEqual(two.slice(0, 1));
    expect(await sampled('--prompt', '\n', ...cold)).toEqual([`\n${(await sampled(...cold))[0]}`]);
  });

  test('are limited to the likeliest characters; limits that leave nothing out change nothing', async () => {
    const plain = ['--length', '60', '--count', '2', '--temperature', '3'];
    const texts = await sampled(...plain);
    expect(await sampled(...plain, '--top-p', '1', '--top-k', String(new Set(verse).size))).toEqual(texts);
    const greedy = await sampled(...plain.with(-1, '0'));
    // The likeliest is the same for every sample.
    expect(new Set(greedy).size).toBe(1);
    expect(greedy[0]).toMatch(/^\d green/);
    expect(await sampled(...plain, '--top-k', '1')).toEqual(greedy);
    expect(await sampled(...plain, '--top-p', '0.0001')).toEqual(greedy);
    expect(texts).not.toEqual(greedy);
  });

  test('of one text are shown as they are drawn, prompt first, to the same characters', async () => {
    const asked = ['--prompt', '7 green', '--length', '400'];
    const cli = new Cli(['sample', run, ...asked]);
    const chunks: string[] = [];
    cli.process.stdout?.on('data', (data: Buffer) => chunks.push(data.toString()));
    expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks[0]).toMatch(/^7 green/);
    expect([chunks.join('')]).toEqual((await sampled(...asked)).map((text) => `${text}\n`));
  });

  test('are parted by a rule where a person reads several', async () => {
    const cli = new Cli(['sample', run, '--count', '2', '--length', '9', '--temperature', '0.01']);
    expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
    expect(cli.stdout).toMatch(/^.{9}\n-{40}\n.{9}\n$/);
  });
});

describe('wrong input', () => {
  const gpt = 'model: {name: gpt, blockSize: 32, layers: 2, heads: 4, embeddingDim: 64}';
  const rest =
    'seed: 1\nsteps: 2\nbatch: 8\nmicroBatch: 8\noptimizer: {name: adamw}\nschedule: {name: constant, lr: 0.001}\n';
  const recipe = (name: string, model: string, data: string) => {
    writeFileSync(at(name), `${model}\ndata: ${data}\n${rest}`);
    return at(name);
  };

  test.each([
    [
      'heads that do not divide the width',
      () => ['train', 'text-gpt', '--data', text, '--set', 'model.heads=5'],
      /model\.heads: must divide embeddingDim/,
    ],
    [
      'a GPT on lines',
      () => ['train', recipe('gpt.yaml', gpt, `{kind: lines, source: ${text}}`)],
      /gpt\.yaml is no valid recipe \(data\.kind: gpt learns from text, not from lines/,
    ],
    [
      'a names model on running text',
      () => ['train', 'names-mlp', '--data', text, '--set', 'data.kind=text'],
      /data\.kind: mlp learns from lines, not from text/,
    ],
    [
      'a text shorter than ten windows',
      () => ['train', 'text-gpt', '--data', text, '--set', 'model.blockSize=500'],
      /text\.txt has 4440 characters, whose last tenth, .*: give a text of at least 5001, or lower model\.blockSize/,
    ],
    [
      'a text with characters that data.vocab has not',
      () => ['train', 'text-gpt', '--data', text, '--set', 'data.vocab="0 gren\\n"'],
      /line 1, "0 green bottles hanging on the wall\.", has the character "b"/,
    ],
    [
      'a prompt with an unknown character',
      () => ['sample', run, '--prompt', '7 Bottles'],
      /"7 Bottles" has the character "B" \(U\+0042\), which is not among the 26/,
    ],
    ['a length of nothing', () => ['sample', run, '--length', '0'], /--length must be a whole number of at least 1/],
  ])('%s', async (_, args, what) => refused(args(), what));

  test('another text than the run was started with', async () => {
    writeFileSync(at('other.txt'), `${verse}!`);
    await refused(['train', '--resume', run, '--data', at('other.txt')], /other\.txt is not the data that the run/);
  });

  test('a recipe whose text comes by --data', async () => {
    const file = recipe('nodata.yaml', gpt, '{}');
    const out = at('nodata');
    const cli = new Cli(['train', file, '--data', text, '--out', out, '--threads', '1', '--quiet', '--samples', '0']);
    expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
    expect(readSummary(out).complete).toBe(true);
  });
});
