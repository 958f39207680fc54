/** Batch norm and micro-batches of one example: said before the first step, and refused where it gives no number at all. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Cli, endAll, readSummary, refused, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
let runs = 0;
const folder = () => join(dir, `run-${runs++}`);
const short = ['--steps', '3', '--threads', '1', '--samples', '0', '--eval-every', '0', '--json'];
const set = (fields: readonly string[]) => fields.flatMap((field) => ['--set', field]);

afterEach(endAll);
afterAll(remove);

async function warnings(target: string, out: string, ...fields: string[]): Promise<unknown[]> {
  const cli = new Cli(['train', target, '--out', out, ...short, ...set(fields)]);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return cli.events.filter((e) => e.event === 'warning').map((e) => e.warning);
}

const every = /^batch norm of micro-batches of one example has no variance to go by: .*; use --set /;
const last = /^batch norm of the last micro-batch of each step, one example of 33, has no variance .*--set batch=32\.$/;

test.each([
  ['names-mlp', ['batch=1', 'microBatch=1'], every],
  ['names-mlp', ['batch=32', 'microBatch=1'], every],
  ['names-mlp', ['batch=33'], last],
  // The last of its norms, where one position is left.
  ['names-wavenet', ['batch=33'], last],
] as const)('%s with %s is warned of', async (target, fields, what) => {
  const out = folder();
  expect(await warnings(target, out, ...fields)).toEqual([expect.stringMatching(what)]);
  // In evaluation the running statistics are used: what was learned has a loss, of one example too.
  expect(readSummary(out).valLoss).toBeGreaterThan(0);
  writeFileSync(join(dir, 'one.txt'), 'a\n');
  const measured = new Cli(['eval', out, '--data', join(dir, 'one.txt'), '--threads', '1', '--json']);
  expect(await measured.exited, measured.stderr).toEqual({ code: 0, signal: null });
  expect(measured.events[0]?.loss).toBeGreaterThan(0);
});

test.each([
  ['an even batch', 'names-mlp', ['batch=64']],
  ['a rest of two', 'names-mlp', ['batch=34']],
  ['a model without batch norm', 'names-mlp', ['batch=1', 'model.stage=kaiming']],
  ['a window of text', 'text-gpt', ['batch=1', 'model.layers=1']],
])('%s is not', async (_, target, fields) => {
  expect(await warnings(target, folder(), ...fields)).toEqual([]);
});

test('what is recommended is not warned of', async () => {
  const [warning] = await warnings('names-mlp', folder(), 'batch=64', 'microBatch=1');
  const use = String(warning).replace(/^.*; use /, '');
  expect(use).toBe('--set microBatch=32.');
  expect(await warnings('names-mlp', folder(), 'batch=64', 'microBatch=32')).toEqual([]);
});

test('a person is warned in a line of its own', async () => {
  const cli = new Cli([
    'train',
    'names-mlp',
    '--out',
    folder(),
    ...short.filter((f) => f !== '--json'),
    ...set(['batch=1']),
  ]);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  expect(cli.stdout).toMatch(
    /\nWarning: batch norm of micro-batches of one example .* --set batch=32 --set microBatch=32\.\n/,
  );
});

test('the variance over n - 1 of one example is refused, and no folder is made', async () => {
  const out = folder();
  await refused(
    ['train', 'names-mlp', '--out', out, ...short, ...set(['batch=33', 'model.unbiased=true'])],
    /batch norm of the last micro-batch .* divides it by n - 1 = 0: use --set batch=32\./,
  );
  expect(existsSync(out)).toBe(false);
});
