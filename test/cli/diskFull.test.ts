/**
 * `manygrad train` on a full disk, as real processes see one: /dev/full takes nothing (ENOSPC). A file of the run leads there
 * until room is made.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cli, endAll, readSummary, scratch } from '../support/cli.ts';
import { expectExactLedger } from '../support/ledger.ts';

const FULL = '/dev/full';
const STEPS = 300;
const { dir, remove } = scratch();
afterEach(endAll);
afterAll(remove);

const FLAGS = ['--threads', '1', '--checkpoint-every', '20', '--eval-every', '0', '--samples', '0'];

function train(out: string, ...more: string[]): Cli {
  const recipe = ['--steps', String(STEPS), '--set', 'batch=64', '--set', 'microBatch=32'];
  return new Cli(['train', 'names-mlp', '--out', out, ...recipe, ...FLAGS, ...more]);
}

let paramsSha256 = '';
beforeAll(async () => {
  const out = join(dir, 'undisturbed');
  const run = train(out, '--json');
  expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
  ({ paramsSha256 } = readSummary(out));
}, 60_000);

/** An empty folder for a run, in which a file leads to the full disk. */
function fullFolder(name: string, file: string): { out: string; full: string } {
  const out = join(dir, name);
  mkdirSync(out);
  const full = join(out, file);
  symlinkSync(FULL, full);
  return { out, full };
}

async function expectSameEnd(run: Cli, out: string): Promise<void> {
  expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
  expect(readSummary(out)).toMatchObject({ complete: true, paramsSha256 });
  expectExactLedger(out, STEPS, 2, 32);
  expect(readdirSync(out).filter((name) => !/^(checkpoint-\d+\.safetensors|\w+\.jsonl?)$/.test(name))).toEqual([]);
}

const trouble = (e: { event: string; [k: string]: unknown }) => e.event === 'disk' && e.trouble !== null;
const relief = (e: { event: string; [k: string]: unknown }) => e.event === 'disk' && e.trouble === null;

describe.skipIf(!existsSync(FULL))('a full disk', { timeout: 60_000 }, () => {
  test('that has no room for the ledger: the run waits, and goes on by itself when there is', async () => {
    const { out, full } = fullFolder('ledger', 'ledger.jsonl');
    const run = train(out, '--json');
    expect((await run.until(trouble)).trouble).toMatch(
      /^the disk is full \(ENOSPC\) and takes nothing for .*ledger: the/,
    );
    expect(run.events.some((e) => e.event === 'step' && e.step === STEPS)).toBe(false);
    rmSync(full);
    await run.until(relief);
    await expectSameEnd(run, out);
  });

  test('that has no room for a checkpoint', async () => {
    // It is removed with what failed to be written: the next attempt finds room.
    const { out } = fullFolder('checkpoint', 'checkpoint-20.safetensors.tmp');
    const run = train(out, '--json');
    await run.until(trouble);
    await run.until(relief);
    await expectSameEnd(run, out);
  });

  test('that nobody wants to wait for: a sentence, another exit code, and the run goes on later', async () => {
    const { out, full } = fullFolder('stopped', 'ledger.jsonl');
    const run = train(out, '--json');
    await run.until(trouble);
    run.kill('SIGINT');
    expect(await run.exited).toEqual({ code: 1, signal: null });
    expect(run.stderr).toMatch(
      /^manygrad: the disk is full \(ENOSPC\), so \S+ holds nothing after its beginning: make room, then go on .*\n$/,
    );
    rmSync(full);
    await expectSameEnd(new Cli(['train', '--resume', out, ...FLAGS, '--json']), out);
  });

  test('is told of where nothing but errors is', async () => {
    const { out, full } = fullFolder('quiet', 'log.jsonl');
    const run = train(out, '--quiet');
    await new Promise<void>((resolve) => run.process.stderr?.once('data', () => resolve()));
    rmSync(full);
    await expectSameEnd(run, out);
    expect(run.stdout).toBe('');
    expect(run.stderr).toMatch(/^manygrad: the disk is full \(ENOSPC\) .* goes on by itself when there is room\.\n$/);
  });
});
