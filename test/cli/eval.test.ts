/** `manygrad eval`: the numbers of the run itself, to the bit; looks at the test set, counted; and what it refuses. */
import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cli, endAll, readJsonLines, readSummary, refused, scratch } from '../support/cli.ts';
import { writeModelFile } from '../support/modelFile.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
const run = at('run');
const gpt = at('gpt');
const STEPS = 30;

const names = ['anna', 'bob', 'carl', 'dora', 'emil', 'frida', 'gus', 'hanna', 'ida', 'jan', 'kim', 'lea'];
const verse = Array.from({ length: 40 }, (_, i) => `${i % 10} green bottles hanging on the wall.\n`).join('');

interface Line {
  readonly split: string;
  readonly loss: number;
  readonly step: number;
  readonly examples: number;
  readonly looks?: number;
}

async function said(args: readonly string[]): Promise<string> {
  const cli = new Cli(args);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return cli.stdout;
}

/** What `eval --json` prints. */
async function measured(from: string, ...more: string[]): Promise<Line[]> {
  const threads = more.includes('--threads') ? [] : ['--threads', '1'];
  const lines = (await said(['eval', from, '--json', ...threads, ...more])).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

const trained = (target: string, out: string, ...more: string[]) =>
  said([
    'train',
    target,
    '--out',
    out,
    '--threads',
    '1',
    '--steps',
    String(STEPS),
    '--samples',
    '0',
    '--quiet',
    ...more,
  ]);

beforeAll(async () => {
  writeFileSync(at('names.txt'), `${names.join('\n')}\n`);
  writeFileSync(at('text.txt'), verse);
  await trained('names-mlp', run, '--eval-every', '0', '--checkpoint-every', '20');
  await trained('text-gpt', gpt, '--data', at('text.txt'), '--eval-every', '0', '--set', 'model.layers=1');
}, 30_000);
afterEach(endAll);
afterAll(remove);

describe('the losses of a run', () => {
  test.each([
    ['of lines', () => run],
    ['of text', () => gpt],
  ])('%s are those of its summary, bit for bit', async (_, from) => {
    const { trainLoss, valLoss } = readSummary(from());
    const lines = await measured(from());
    expect(lines.map(({ split, loss, step }) => ({ split, loss, step }))).toEqual([
      { split: 'train', loss: trainLoss, step: STEPS },
      { split: 'val', loss: valLoss, step: STEPS },
    ]);
    expect(lines.every(({ looks }) => looks === undefined)).toBe(true);
  });

  test('do not depend on the number of threads', async () => {
    const { valLoss } = readSummary(run);
    const [line] = await measured(run, '--split', 'val', '--threads', '3');
    expect(line?.loss).toBe(valLoss);
  });

  test('are those of a checkpoint that is named, in place of the last', async () => {
    const [line] = await measured(join(run, 'checkpoint-20.safetensors'), '--split', 'val');
    expect(line?.step).toBe(20);
    expect(line?.loss).not.toBe(readSummary(run).valLoss);
  });

  test('come in the order asked for, each once, and as a person reads them', async () => {
    const { trainLoss, valLoss } = readSummary(run);
    const splits = ['--split', 'val', '--split', 'train', '--split', 'val'];
    expect(await said(['eval', run, '--threads', '1', ...splits])).toBe(
      `mlp after 30 steps, on 29,693 lines of names.\n` +
        `validation loss ${valLoss?.toFixed(4)}\ntrain loss ${trainLoss?.toFixed(4)}\n`,
    );
  });
});

describe('looks at the test set', () => {
  const looksFile = join(run, 'test-looks.jsonl');

  test('are counted and reported; those at other splits are not', async () => {
    await measured(run);
    expect(existsSync(looksFile)).toBe(false);
    const [first] = await measured(run, '--split', 'test');
    expect(first).toMatchObject({ split: 'test', looks: 1, step: STEPS });
    // A checkpoint of the run is the run.
    const look = ['--split', 'val', '--split', 'test', '--threads', '1'];
    expect(await said(['eval', join(run, 'checkpoint-20.safetensors'), ...look])).toMatch(
      /\nvalidation loss \d\.\d{4}\ntest loss \d\.\d{4} \(look 2 at the test set: .*\)\n$/,
    );
    const kept = readJsonLines<{ step: number; loss: number }>(looksFile);
    expect(kept.map(({ step }) => step)).toEqual([STEPS, 20]);
    expect(kept[0]?.loss).toBe(first?.loss);
  });

  test('are counted apart for the test set of other data', async () => {
    const file = at('apart.safetensors');
    copyFileSync(join(run, 'checkpoint-30.safetensors'), file);
    const looks = async (...data: string[]) => (await measured(file, ...data, '--split', 'test'))[0]?.looks;
    const other = ['--data', at('names.txt')];
    expect([await looks(), await looks(...other), await looks()]).toEqual([1, 1, 2]);
  });

  test('are counted beside a checkpoint that lies alone', async () => {
    const file = at('alone.safetensors');
    copyFileSync(join(run, 'checkpoint-30.safetensors'), file);
    const [line] = await measured(file, '--split', 'test');
    expect(line?.looks).toBe(1);
    expect(readJsonLines(at('alone.test-looks.jsonl')).length).toBe(1);
  });
});

describe('other data', () => {
  test('is measured whole, and said to be other', async () => {
    const [line, ...rest] = await measured(run, '--data', at('names.txt'));
    // Of every line each character, and its end.
    expect(line).toMatchObject({ split: 'all', examples: names.join('.').length + 1 });
    expect(rest).toEqual([]);
    expect(await said(['eval', run, '--threads', '1', '--data', at('names.txt')])).toBe(
      `mlp after 30 steps, on 12 lines of ${at('names.txt')}, which are not what it was trained on.\nloss ${line?.loss.toFixed(4)}\n`,
    );
  });

  test('may be a single example: running statistics need no more', async () => {
    writeFileSync(at('one.txt'), 'a\n');
    const [line] = await measured(run, '--data', at('one.txt'));
    expect(line?.examples).toBe(2);
    expect(line?.loss).toBeGreaterThan(0);
    expect(line?.loss).toBeLessThan(10);
  });

  test('may be running text, too short to be split', async () => {
    writeFileSync(at('short.txt'), verse.slice(0, 70));
    const [line] = await measured(gpt, '--data', at('short.txt'));
    expect(line).toMatchObject({ split: 'all', examples: 2 });
  });

  test('is split as the run was, where a split is asked for', async () => {
    const lines = await measured(run, '--data', at('names.txt'), '--split', 'train', '--split', 'val');
    expect(lines.map(({ split }) => split)).toEqual(['train', 'val']);
  });
});

describe('data that has gone or changed', () => {
  const own = at('own');
  const file = at('own.txt');

  beforeAll(async () => {
    writeFileSync(file, `${names.join('\n')}\n`);
    await trained('names-mlp', own, '--data', file);
  });

  test('is not measured, but the same at another place is', async () => {
    renameSync(file, at('moved.txt'));
    await refused(
      ['eval', own],
      /trained on cannot be read \(.*own\.txt does not exist\): restore it, or .* --data\.$/m,
    );
    const lines = await measured(own, '--data', at('moved.txt'));
    expect(lines.map(({ loss }) => loss)).toEqual([readSummary(own).trainLoss, readSummary(own).valLoss]);
    writeFileSync(file, `${names.join('\n')}\nmia\n`);
    await refused(['eval', own], /own\.txt has changed since .*checkpoint-30\.safetensors was trained on it: restore/);
  });
});

test('a run under way is measured at its last checkpoint, and has none before', async () => {
  const out = at('under-way');
  const often = ['--threads', '1', '--json', '--checkpoint-every', '1000', '--eval-every', '0'];
  const training = new Cli(['train', 'names-mlp', '--out', out, '--steps', '1000000', ...often]);
  await training.until((e) => e.event === 'checkpoint');
  const [line] = await measured(out, '--split', 'val');
  expect((line?.step ?? 0) % 1000).toBe(0);
  expect(line?.step).toBeGreaterThan(0);
  training.kill('SIGKILL');
  await training.exited;

  mkdirSync(at('begun'));
  copyFileSync(join(out, 'config.json'), join(at('begun'), 'config.json'));
  await refused(['eval', at('begun')], /begun has no checkpoint yet: wait until its run writes one/);
});

test("a model's own code is run only if told so", async () => {
  const out = at('custom');
  await trained(writeModelFile(dir), out);
  await refused(['eval', out], /brings the code of a model, tiny\.ts: add --trust-code/);
  const [train] = await measured(out, '--trust-code');
  expect(train?.loss).toBe(readSummary(out).trainLoss);
});

describe('wrong input', () => {
  beforeAll(() => {
    mkdirSync(at('nothing'));
    writeFileSync(at('empty.txt'), '');
    writeFileSync(at('upper.txt'), 'anna\nCarl\n');
    writeFileSync(at('two.txt'), 'anna\nbob\n');
    writeFileSync(at('brief.txt'), '7 green');
    writeFileSync(at('note.txt'), 'no checkpoint, but some text');
  });

  test.each([
    ['nothing there', ['eval', at('nowhere')], /nowhere does not exist: give the folder of a run, or a checkpoint/],
    ['a folder without a run', ['eval', at('nothing')], /nothing has no checkpoint: give the folder of a run/],
    ['a file that is no checkpoint', ['eval', at('note.txt')], /note\.txt is not a safetensors file/],
    ['no run at all', ['eval'], /the command lacks what it is to be done with: see manygrad --help/],
    [
      'a split that there is not',
      ['eval', run, '--split', 'all'],
      /--split all is no part of the data: use train, val/,
    ],
    ['a split without a name', ['eval', run, '--split'], /Not enough arguments following: split: see manygrad --help/],
    [
      'the test split of a text',
      ['eval', gpt, '--split', 'test'],
      /gpt learns from running text, which has no test split/,
    ],
    ['two files', ['eval', run, '--data', 'a', '--data', 'b'], /--data was given 2 times \(a, b\): give it once/],
    [
      'a missing file',
      ['eval', run, '--data', at('gone.txt')],
      /gone\.txt does not exist: give the path of a text file/,
    ],
    ['an empty file', ['eval', run, '--data', at('empty.txt')], /empty\.txt is empty: give a text file/],
    ['unknown characters', ['eval', run, '--data', at('upper.txt')], /line 2, "Carl", has the character "C"/],
    [
      'too few lines to split',
      ['eval', run, '--data', at('two.txt'), '--split', 'val'],
      /2 lines are too few to split/,
    ],
    [
      'too short a text',
      ['eval', gpt, '--data', at('brief.txt')],
      /brief\.txt has 7 characters.*give a text of at least 33/,
    ],
    ['no threads', ['eval', run, '--threads', '0'], /--threads must be a whole number of at least 1/],
    [
      'a temperature that is no number',
      ['sample', run, '--temperature', 'hot'],
      /--temperature must be 0.* given what is no number/,
    ],
    [
      'a top-k that is no number',
      ['sample', run, '--top-k', 'all'],
      /--top-k must be a whole number .* given what is no number/,
    ],
    ['a top-k without a number', ['sample', run, '--top-k'], /Not enough arguments following: top-k/],
    ['a top-p below zero', ['sample', run, '--top-p', '-0.5'], /--top-p must be above 0 .* given -0\.5/],
    [
      'two temperatures',
      ['sample', run, '--temperature', '1', '--temperature', '2'],
      /--temperature was given 2 times/,
    ],
    ['a seed beyond all', ['sample', run, '--seed', '1e30'], /--seed must be at most 9007199254740991; it was given/],
    ['a run without checkpoint to sample', ['sample', at('nothing')], /nothing has no checkpoint: give the folder/],
  ])('%s', async (_, args, what) => refused(args, what));
});
