/** The report in a real browser, opened from the disk: of a small GPT and of a WaveNet, with made-up diagnostics beside. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cli, endAll, scratch } from '../support/cli.ts';
import { pretendDiagnostics } from '../support/diagnostics.ts';
import { complaints, launch, missing } from './chromium.ts';

if (missing !== null) console.warn(`The report is not looked at: ${missing}.`);

const { dir, remove } = scratch();
const COURSE = ['loss', 'rate', 'grad-norm'];
const MEASURED = ['activations', 'gradients', 'weights', 'updates'];

let browser: Browser;
const pages: Page[] = [];

async function manygrad(...args: string[]): Promise<Cli> {
  const cli = new Cli(args);
  expect((await cli.exited).code, cli.stderr).toBe(0);
  return cli;
}

beforeAll(async () => {
  if (missing !== null) return;
  browser = await launch();
  const words = join(dir, 'words.txt');
  writeFileSync(words, 'emma olivia ava mia zoe liam noah ian eva leo lea max\n'.repeat(40).replaceAll(' ', '\n'));
  const train = (preset: string, out: string, ...sets: string[]) =>
    manygrad(
      ...['train', preset, '--data', words, '--steps', '30', '--threads', '1', '--out', join(dir, out), '--quiet'],
      ...sets.flatMap((set) => ['--set', set]),
    );
  await train('names-wavenet', 'wavenet', 'model.hidden=16', 'model.embeddingDim=4');
  await train('text-gpt', 'gpt', 'model.layers=2', 'model.embeddingDim=16', 'model.blockSize=16');
  for (const run of ['wavenet', 'gpt']) await pretendDiagnostics(join(dir, run), 300, 10);
  await train('names-mlp', 'bare');
}, 90_000);

afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});

afterAll(async () => {
  await browser?.close();
  await endAll();
  remove();
});

async function open(run: string, width: number, colorScheme: 'light' | 'dark') {
  const { events } = await manygrad('report', join(dir, run), '--json');
  const file = join(dir, run, 'report.html');
  expect(events).toEqual([{ event: 'report', file }]);
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  pages.push(page);
  const heard = complaints(page);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  const url = pathToFileURL(file).href;
  await page.goto(url);
  const elsewhere = () => asked.filter((address) => address !== url && !address.startsWith('data:'));
  return { page, heard, elsewhere };
}

const drawnIn = (page: Page, id: string) => page.locator(`#${id} svg, #${id} canvas`).count();

test.skipIf(missing !== null).each([
  ['wavenet', 'light', [...COURSE, 'embedding', ...MEASURED, 'saturation']],
  ['gpt', 'dark', [...COURSE, 'embedding', 'attention', ...MEASURED]],
] as const)('of a %s every figure is drawn, %s, without a complaint or a request', async (run, scheme, figures) => {
  const { page, heard, elsewhere } = await open(run, 1280, scheme);
  for (const id of figures) await expect.poll(() => drawnIn(page, id), { message: id }).toBeGreaterThan(0);
  expect(await page.locator('.absent').count()).toBe(0);
  expect(await page.locator('#samples').textContent()).toContain('</script>');
  expect(await page.locator('#samples b, #samples script').count()).toBe(0);
  expect(heard).toEqual([]);
  expect(elsewhere()).toEqual([]);
});

test.skipIf(missing !== null)('a step and a head can be chosen', async () => {
  const { page, heard } = await open('gpt', 1280, 'light');
  const cells = () => page.locator('#attention .large svg').innerHTML();
  const before = await cells();
  await page.getByRole('button', { name: 'h.1, head 2' }).click();
  expect(await page.locator('#attention h3').textContent()).toBe('h.1, head 2');
  expect(await cells()).not.toBe(before);
  const table = () => page.locator('#activations table').textContent();
  const last = await table();
  await page.locator('#activations input').fill('0');
  expect(await page.locator('#activations output').textContent()).toBe('10');
  expect(await table()).not.toBe(last);
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('fits a phone, and says how to get what is not there', async () => {
  for (const run of ['wavenet', 'gpt', 'bare']) {
    const { page, heard } = await open(run, 390, 'dark');
    await expect.poll(() => drawnIn(page, 'loss')).toBeGreaterThan(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), run).toBe(390);
    const absent = await page.locator('.absent').allTextContents();
    expect(absent.length).toBe(run === 'bare' ? MEASURED.length + 1 : 0);
    for (const sentence of absent) expect(sentence).toContain('--diagnostics every=100');
    expect(heard).toEqual([]);
  }
});
