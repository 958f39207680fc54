/** A model of the user's own: trained by threads, remote workers that may run it and tabs, resumed, and sampled from. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { launch, missing } from '../browser/chromium.ts';
import { Cli, endAll, readSummary, refused, scratch } from '../support/cli.ts';
import { expectExactLedger, worked } from '../support/ledger.ts';
import { writeModelFile } from '../support/modelFile.ts';

const STEPS = 60;
/** So many that the part of each worker is worth its way there and back. */
const MICRO_BATCHES = 512;
const { dir, remove } = scratch();
const model = writeModelFile(dir);
let runs = 0;
const folder = (): string => join(dir, `run-${runs++}`);

function train(out: string, ...more: string[]): Cli {
  const about = ['--steps', String(STEPS), '--eval-every', '0', '--samples', '0', '--json', '--out', out];
  const size = ['--set', `batch=${16 * MICRO_BATCHES}`];
  return new Cli(['train', model, ...about, ...size, ...more]);
}

async function finished(run: Cli, out: string): Promise<string> {
  expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
  expectExactLedger(out, STEPS, MICRO_BATCHES, 16);
  return readSummary(out).paramsSha256;
}

const LISTEN = ['--listen', '127.0.0.1:0', '--token', 'secret'];
const listening = async (run: Cli) =>
  (await run.until((e) => e.event === 'listening')) as { url?: string; join?: string };
const worker = (url: string, ...more: string[]) =>
  new Cli(['worker', url, '--token', 'secret', '--threads', '1', '--name', 'helper', '--json', ...more]);

afterEach(endAll);
afterAll(remove);

test('is trained to the same bits by threads, a remote worker that has it, and a tab; then sampled from', async () => {
  const out = folder();
  const alone = await finished(train(out, '--threads', '1'), out);

  const shared = folder();
  const coordinator = train(shared, '--threads', '0', '--min-workers', missing === null ? '2' : '1', ...LISTEN);
  const { url = '', join: link = '' } = await listening(coordinator);
  const remote = worker(url, '--model', model);
  const browser = missing === null ? await launch() : null;
  try {
    const page = await browser?.newPage();
    await page?.goto(link);
    await page?.locator('#name').fill('tab');
    await page?.locator('#join').click();
    expect(await finished(coordinator, shared)).toBe(alone);
    expect(await remote.exited, remote.stderr).toEqual({ code: 0, signal: null });
  } finally {
    await browser?.close();
  }
  expect(worked(shared, 'helper')).toBe(true);
  if (missing === null) expect(worked(shared, 'tab')).toBe(true);

  await refused(['sample', shared], /brings the code of a model, tiny\.ts: add --trust-code/);
  const sampled = new Cli(['sample', shared, '--count', '3', '--prompt', 'ma', '--trust-code']);
  expect(await sampled.exited, sampled.stderr).toEqual({ code: 0, signal: null });
  expect(sampled.stdout).toMatch(/^(ma[a-z]*\n){3}$/);

  // The run's folder holds the model: it goes on without the file.
  const more = ['--steps', String(STEPS + 5), '--threads', '1', '--quiet'];
  await refused(['train', '--resume', shared, ...more], /add --trust-code/);
  const on = new Cli(['train', '--resume', shared, ...more, '--trust-code']);
  expect(await on.exited, on.stderr).toEqual({ code: 0, signal: null });
}, 60_000);

test('a remote worker runs no code that it has not, unless it is told to', async () => {
  const out = folder();
  const coordinator = train(out, '--threads', '0', ...LISTEN);
  const { url = '' } = await listening(coordinator);
  await refused(
    ['worker', url, '--token', 'secret', '--threads', '1'],
    /tiny\.ts, a model of its own.*--model.*--trust-code/,
  );
  const other = join(dir, 'other.ts');
  writeFileSync(
    other,
    `import { Linear } from 'manygrad'; export default { learnsFrom: 'lines', blockSize: 4, build: () => new Linear(1, 1) };`,
  );
  await refused(['worker', url, '--token', 'secret', '--threads', '1', '--model', other], /has not/);
  const trusting = worker(url, '--trust-code');
  await finished(coordinator, out);
  expect(await trusting.exited, trusting.stderr).toEqual({ code: 0, signal: null });
}, 60_000);

test.each([
  ['a file that is not there', null, /nowhere\.ts cannot be read/],
  ['a file that does not parse', 'export default {', /cannot be bundled/],
  ['a file that throws', 'throw new Error("no luck"); export default 1;', /fails as it is loaded \(no luck\)/],
  ['a file that exports no model', 'export default { blockSize: 3 };', /exports no model by default \(.*learnsFrom/],
  ['an import that cannot be found', 'import x from "left-pad"; export default x;', /cannot be bundled \(.*left-pad/],
])('refuses %s in one sentence', async (_, text, what) => {
  const file = join(dir, text === null ? 'nowhere.ts' : 'wrong.ts');
  if (text !== null) writeFileSync(file, text);
  await refused(['train', file, '--out', folder()], what);
});
