/** `lr-find` and `sweep` as real commands, on runs of a moment. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describe as describeTokenizer } from '../../core/tokenizer/description.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { Cli, endAll, readJsonLines, readSummary, refused, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);

async function done(...args: string[]): Promise<Cli> {
  const cli = new Cli([...args, '--json']);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return cli;
}

afterEach(endAll);
afterAll(remove);

describe('lr-find', () => {
  const short = ['lr-find', 'names-mlp', '--threads', '1'];

  test('makes a run whose rate rises, and reports it', async () => {
    const cli = await done(...short, '--steps', '60', '--seed', '7', '--set', 'batch=32', '--out', at('found'));
    const { rates, losses, valley, suggestion, diverges } = await cli.until(({ event }) => event === 'lr-find');
    const steps = readJsonLines<{ loss?: number; lr?: number }>(join(at('found'), 'log.jsonl')).filter(
      ({ loss }) => loss !== undefined,
    );
    expect(rates).toEqual(steps.map(({ lr }) => lr));
    expect(losses).toEqual(steps.map(({ loss }) => loss));
    expect(steps.length).toBe(60);
    expect([steps[0]?.lr, steps.at(-1)?.lr]).toEqual([0.001, 1]);
    expect(rates).toContain(valley);
    expect(diverges).toBeNull();
    expect(suggestion).toBe(valley);
    expect(readFileSync(join(at('found'), 'lr-find.svg'), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
    const { recipe } = JSON.parse(readFileSync(join(at('found'), 'config.json'), 'utf8'));
    expect(recipe).toMatchObject({
      seed: 7,
      batch: 32,
      schedule: { name: 'exponential', from: 0.001, to: 1, steps: 60 },
    });
  });

  test('is an ordinary run: train makes the same bits of its schedule', async () => {
    const schedule = 'schedule={name: exponential, from: 0.01, to: 0.1, steps: 20}';
    const range = ['--from', '0.01', '--to', '0.1', '--steps', '20'];
    await Promise.all([
      done(...short, ...range, '--out', at('same')),
      done('train', 'names-mlp', '--steps', '20', '--set', schedule, '--samples', '0', '--out', at('same-train')),
    ]);
    expect(readSummary(at('same')).paramsSha256).toBe(readSummary(at('same-train')).paramsSha256);
  });

  test('that runs away reports what is known so far', async () => {
    const far = ['--from', '0.1', '--to', '1e38', '--steps', '60', '--set', 'model.stage=naive'];
    const cli = await done(...short, ...far, '--out', at('away'));
    const { rates, losses, suggestion, diverges } = await cli.until(({ event }) => event === 'lr-find');
    expect((rates as number[]).length).toBeLessThan(60);
    expect((rates as number[]).length).toBe((losses as number[]).length);
    expect(diverges).toBeGreaterThan(0.1);
    expect(suggestion).toBeLessThanOrEqual(Number(diverges) / 10);
    expect(existsSync(join(at('away'), 'lr-find.svg'))).toBe(true);
  });

  test('draws on the terminal', async () => {
    const cli = new Cli([...short, '--steps', '20', '--out', at('drawn')]);
    expect((await cli.exited).code).toBe(0);
    expect(cli.stdout).toMatch(/0\.0010 +3\.\d{3} {2}#+\n/);
    expect(cli.stdout).toMatch(/< valley, suggestion\n/);
    expect(cli.stdout).toMatch(/Suggestion: --set 'schedule=\{name: constant, lr: [\d.]+\}'\n/);
  });

  test.each([
    ['a range upside down', ['names-mlp', '--from', '1', '--to', '0.1'], /--from 1 --to 0\.1 is no range of rates/],
    ['a rate of zero', ['names-mlp', '--from', '0'], /--from 0 --to 1 is no range of rates/],
    ['a schedule of its own', ['names-mlp', '--set', 'schedule.lr=0.1'], /lr-find sets the schedule itself/],
    ['one step', ['names-mlp', '--steps', '1'], /--steps must be a whole number of at least 2/],
    ['nobody to work', ['names-mlp', '--threads', '0'], /--threads 0 leaves nobody/],
    ['an unknown preset', ['names-mpl'], /no preset or config file "names-mpl"/],
    ['no preset', [], /see manygrad --help/],
  ])('refuses %s', async (_, args, what) => refused(['lr-find', ...args], what));
});

describe('sweep', () => {
  const file = at('small.yaml');
  const out = at('small');
  const names = ['lr=0.05,hidden=16', 'lr=0.05,hidden=24', 'lr=0.2,hidden=16', 'lr=0.2,hidden=24'];
  const dirs = names.flatMap((name) => [1, 2].map((seed) => join(out, `${name}-seed${seed}`)));
  const runs = (cli: Cli) => cli.events.filter(({ event }) => event === 'run').length;

  beforeAll(async () => {
    writeFileSync(
      file,
      `base: names-mlp
set: { model.embeddingDim: 4 }
grid: { schedule.lr: [0.05, 0.2], model.hidden: [16, 24] }
seeds: [1, 2]
steps: 20
`,
    );
    const cli = await done('sweep', file, '--out', out, '--threads', '2');
    expect(runs(cli)).toBe(8);
  }, 40_000);

  test('makes every combination with every seed, and ranks them', () => {
    for (const run of dirs) expect(readSummary(run).complete).toBe(true);
    const { rows } = JSON.parse(readFileSync(join(out, 'sweep.json'), 'utf8'));
    expect(rows.map(({ label }: { label: string }) => label).toSorted()).toEqual(names.toSorted());
    const means = rows.map(({ val }: { val: { mean: number } }) => val.mean);
    expect(means).toEqual(means.toSorted((a: number, b: number) => a - b));
    for (const { label, val, runs } of rows) {
      const losses = [1, 2].map((seed) => readSummary(join(out, `${label}-seed${seed}`)).valLoss ?? 0);
      expect(val.mean).toBeCloseTo((losses[0] ?? 0) / 2 + (losses[1] ?? 0) / 2, 12);
      expect(runs.length).toBe(2);
    }
    expect(readFileSync(join(out, 'sweep.md'), 'utf8').split('\n').length).toBe(2 + 4 + 1);
  });

  test('has the bits of train', async () => {
    const set = ['model.embeddingDim=4', 'schedule.lr=0.2', 'model.hidden=24'].flatMap((s) => ['--set', s]);
    const rest = ['--steps', '20', '--seed', '2', '--samples', '0', '--threads', '1', '--out', at('alone')];
    await done('train', 'names-mlp', ...set, ...rest);
    expect(readSummary(at('alone')).paramsSha256).toBe(readSummary(join(out, 'lr=0.2,hidden=24-seed2')).paramsSha256);
  });

  test('called again makes no run again, and only the one that is gone', async () => {
    const before = dirs.map((run) => statSync(join(run, 'summary.json')).mtimeMs);
    const again = await done('sweep', file, '--out', out);
    expect(runs(again)).toBe(0);
    expect(dirs.map((run) => statSync(join(run, 'summary.json')).mtimeMs)).toEqual(before);
    const [first = ''] = dirs;
    const { paramsSha256 } = readSummary(first);
    rmSync(first, { recursive: true });
    expect(runs(await done('sweep', file, '--out', out, '--threads', '1'))).toBe(1);
    expect(readSummary(first).paramsSha256).toBe(paramsSha256);
  });

  test('is stopped and goes on with the run that was under way', async () => {
    const long = at('long.yaml');
    writeFileSync(long, 'base: names-mlp\nset: { batch: 32 }\nseeds: [3]\nsteps: 4000\n');
    const cli = new Cli(['sweep', long, '--out', at('long'), '--threads', '1', '--json']);
    await cli.step(50);
    cli.kill('SIGINT');
    expect((await cli.exited).code).toBe(130);
    expect(readSummary(join(at('long'), 'base-seed3')).complete).toBe(false);
    const again = await done('sweep', long, '--out', at('long'), '--threads', '1');
    const start = await again.until(({ event }) => event === 'start');
    expect(start.step).toBeGreaterThanOrEqual(50);
    expect(runs(again)).toBe(1);
    const rest = ['--set', 'batch=32', '--steps', '4000', '--seed', '3', '--samples', '0', '--eval-every', '0'];
    await done('train', 'names-mlp', ...rest, '--out', at('long-train'));
    expect(readSummary(join(at('long'), 'base-seed3')).paramsSha256).toBe(readSummary(at('long-train')).paramsSha256);
  }, 40_000);

  test('goes on after a combination that runs away, and does not try it again', async () => {
    const away = at('away.yaml');
    writeFileSync(away, 'base: names-mlp\ngrid: { schedule.lr: [1.0e+38, 0.1] }\nseeds: [1]\nsteps: 10\n');
    const first = await done('sweep', away, '--out', at('swept-away'), '--threads', '1');
    const { rows } = await first.until(({ event }) => event === 'sweep');
    expect(rows).toMatchObject([
      { label: 'lr=0.1', diverged: 0 },
      { label: 'lr=1e+38', diverged: 1, val: null },
    ]);
    expect(runs(await done('sweep', away, '--out', at('swept-away')))).toBe(0);
  });

  test('keeps its remote workers from run to run, and sends them home after the last', async () => {
    const listening = ['--threads', '0', '--listen', '127.0.0.1:0', '--token', 'secret', '--json'];
    const cli = new Cli(['sweep', file, '--out', at('remote'), ...listening]);
    const { port } = await cli.until(({ event }) => event === 'listening');
    const worker = new Cli(['worker', `ws://127.0.0.1:${port}`, '--token', 'secret', '--threads', '1', '--json']);
    expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
    expect(await worker.exited, worker.stderr).toEqual({ code: 0, signal: null });
    expect(worker.events.filter(({ event }) => event === 'joined').length).toBe(8);
    for (const run of readdirSync(at('remote')).filter((name) => name.includes('seed')))
      expect(readSummary(join(at('remote'), run)).paramsSha256).toBe(readSummary(join(out, run)).paramsSha256);
  }, 60_000);

  const bad: [string, string, RegExp][] = [
    ['that is no YAML', 'base: [', /bad\.yaml is not valid YAML/],
    ['without a base', 'seeds: [1]', /bad\.yaml is no sweep \(base: /],
    ['of an unknown preset', 'base: names-mpl', /no preset or config file "names-mpl"/],
    ['of a recipe that is not there', 'base: nowhere.yaml', /nowhere\.yaml cannot be read/],
    [
      'with a field that there is not',
      'base: names-mlp\ngrid: { model.hiden: [1] }',
      /hiden=1\) is no valid recipe .*hiden/,
    ],
    [
      'with a value of the wrong type',
      'base: names-mlp\ngrid: { batch: [8, many] }',
      /batch=many\) is no valid recipe/,
    ],
    ['with steps of the wrong type', 'base: names-mlp\ngrid: { steps: [ten] }', /steps must be a whole number/],
    ['of data that is not there', 'base: names-mlp\ndata: nowhere.txt', /nowhere\.txt does not exist/],
  ];
  test.each(bad)('refuses a file %s, before it makes anything', async (_, text, what) => {
    writeFileSync(at('bad.yaml'), text);
    await refused(['sweep', at('bad.yaml'), '--out', at('bad')], what);
    expect(existsSync(at('bad'))).toBe(false);
  });

  test('refuses a folder that holds runs of another recipe, and leaves them', async () => {
    writeFileSync(at('other.yaml'), readFileSync(file, 'utf8').replace('embeddingDim: 4', 'embeddingDim: 5'));
    await refused(['sweep', at('other.yaml'), '--out', out], /seed1 holds a run of another recipe or other data/);
    for (const run of dirs) expect(readSummary(run).complete).toBe(true);
  });

  test('refuses a folder that holds runs of another tokenizer, though its file has the same name', async () => {
    const text = Array.from({ length: 200 }, (_, i) => `${i} green bottles on the wall\n`).join('');
    writeFileSync(at('text.txt'), text);
    const keep = (vocabSize: number) =>
      writeFileSync(at('tokenizer.json'), JSON.stringify(describeTokenizer(RegexTokenizer.train(text, vocabSize))));
    keep(280);
    writeFileSync(
      at('tokens.yaml'),
      `base: text-gpt
set: { data.tokenizer: ${at('tokenizer.json')}, model.blockSize: 8, model.layers: 1, model.heads: 1, model.embeddingDim: 4 }
data: ${at('text.txt')}
grid: { schedule.lr: [0.01] }
steps: 1
`,
    );
    const again = ['sweep', at('tokens.yaml'), '--out', at('tokens')];
    expect(runs(await done(...again))).toBe(1);
    expect(runs(await done(...again))).toBe(0);
    keep(281);
    await refused(again, / holds a run of another recipe or other data/);
  });

  test('refuses what cannot be done at all', async () => {
    await refused(['sweep', at('nowhere.yaml')], /nowhere\.yaml cannot be read: give the path of a sweep in YAML/);
    await refused(['sweep', file, '--threads', '0'], /--threads 0 leaves nobody/);
    await refused(['sweep', file, '--out', join(file, 'inside')], /cannot be written/);
  });
});
