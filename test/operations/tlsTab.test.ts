/** A tab of a real browser that joins over https and wss: the bits are a thread's, and its page is isolated like localhost's. */
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { complaints, ELSEWHERE, launch, missing } from '../browser/chromium.ts';
import { Cli, endAll, readSummary, scratch } from '../support/cli.ts';
import { certify } from './certificates.ts';

if (missing !== null) console.warn(`A tab over TLS is not tested: ${missing}.`);

const { dir, remove } = scratch();
afterAll(async () => {
  await endAll();
  remove();
});

test.skipIf(missing !== null)(
  'a tab joins over https, from what is not this machine to it',
  { timeout: 120_000 },
  async () => {
    const args = ['--steps', '20', '--eval-every', '0', '--samples', '0', '--json'];
    const alone = new Cli(['train', 'names-mlp', '--out', join(dir, 'alone'), ...args, '--threads', '1']);
    expect(await alone.exited, alone.stderr).toEqual({ code: 0, signal: null });
    await certify(dir, 'ours');
    const tls = ['--tls-cert', join(dir, 'ours.crt'), '--tls-key', join(dir, 'ours.key')];
    const door = ['--threads', '0', '--listen', '127.0.0.1:0', '--token', 't', ...tls];
    const run = new Cli(['train', 'names-mlp', '--out', join(dir, 'tab'), ...args, ...door]);
    const { join: link } = await run.until((e) => e.event === 'listening');
    const browser = await launch();
    try {
      const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      const heard = complaints(page);
      await page.goto(String(link).replace('127.0.0.1', ELSEWHERE));
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      await page.locator('#name').fill('anna');
      await page.locator('#join').click();
      expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
      expect(readSummary(join(dir, 'tab'))).toMatchObject({
        paramsSha256: readSummary(join(dir, 'alone')).paramsSha256,
        workersSeen: ['anna'],
      });
      expect(heard).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);
