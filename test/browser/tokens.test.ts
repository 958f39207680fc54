/** The page of tokens in a real browser, under its real policy: what it shows is what Node's tokenizers give. */
import fc from 'fast-check';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bearerOf } from '../../coordinator/door/bearer.ts';
import { listenForPages, type PageServer } from '../../coordinator/door/pageServer.ts';
import { type CoordinatorServer, listen } from '../../coordinator/door/server.ts';
import { TokenizerShelf } from '../../coordinator/door/tokenizers.ts';
import { WINDOW } from '../../coordinator/tokens/messages.ts';
import { writeMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { makePages } from '../../deploy/pages.ts';
import { complaints, ELSEWHERE, launch, missing } from './chromium.ts';
import { Feed, info } from './feed.ts';

if (missing !== null) console.warn(`The page of tokens is not tested: ${missing}.`);
const unused = (): never => {
  throw new Error('no worker comes here');
};
const KEY = 'a key: ü%';

let browser: Browser;
let door: CoordinatorServer;
let alone: PageServer;
let gpt2: Tokenizer;
let cl100k: Tokenizer;
const pages: Page[] = [];

beforeAll(async () => {
  if (missing !== null) return;
  [browser, gpt2, cl100k] = await Promise.all([
    launch(),
    publishedTokenizer('gpt2'),
    publishedTokenizer('cl100k_base'),
  ]);
  const at = { host: '127.0.0.1', port: 0, pages: await makePages() };
  alone = await listenForPages({ ...at, shelf: new TokenizerShelf() });
  door = await listen({
    ...at,
    identify: bearerOf('t'),
    numerics: null,
    run: info.run,
    model: {},
    maxResultBytes: 0,
    connect: unused,
    state: unused,
    news: unused,
    info,
    tokenizers: {
      shelf: new TokenizerShelf([{ name: 'our run', tokenizer: RegexTokenizer.train('the theme', 258) }]),
      key: KEY,
    },
    operator: (socket) => void new Feed(socket),
  });
}, 60_000);

afterEach(async () => {
  for (const page of pages.splice(0)) if (page !== shared?.page) await page.context().close();
});

afterAll(async () => {
  await browser?.close();
  await alone?.close();
  await door?.close(true);
});

async function blank(options: { width?: number; scheme?: 'light' | 'dark' } = {}) {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: 900 },
    colorScheme: options.scheme ?? 'light',
  });
  const page = await context.newPage();
  pages.push(page);
  return { page, heard: complaints(page) };
}

/** The page alone, at the size of a desk, which many tests have one after the other: the tokenizers are built once. */
let shared: Awaited<ReturnType<typeof opened>> | null = null;

async function opened(options: { width?: number; scheme?: 'light' | 'dark' } = {}) {
  const { page, heard } = await blank(options);
  await page.goto(`http://127.0.0.1:${alone.port}/tokens`);
  const [left, right] = [page.locator('.column').nth(0), page.locator('.column').nth(1)];
  await expect.poll(() => right.locator('.count').textContent()).not.toBe('–');
  return { page, heard, left, right };
}

/** That page as it is when it was just opened, but for the text, of which there is none. */
async function open() {
  shared ??= await opened();
  const { page, left, right } = shared;
  for (const label of ['Show ids', 'Special tokens as tokens']) await page.getByLabel(label).uncheck();
  await left.locator('select').selectOption('gpt2');
  await right.locator('select').selectOption('cl100k_base');
  await write(page, '');
  return shared;
}

/** What the column has made of the text, once it has. */
const settled = (column: Locator) => expect.poll(() => column.getAttribute('aria-busy')).toBe('false');
const count = async (column: Locator) => Number((await column.locator('.count').textContent())?.replaceAll(',', ''));
const shown = (column: Locator) => column.locator('.token').allTextContents();
const write = async (page: Page, text: string) => {
  await page.locator('#text').fill(text);
  for (const column of await page.locator('.column').all()) await settled(column);
};

test.skipIf(missing !== null)('shows the tokens of two tokenizers as one types', async () => {
  const { page, heard, left, right } = await open();
  await expect.poll(() => count(left)).toBe(0);
  await page.locator('#text').pressSequentially(' SolidGoldMagikarp');
  await expect.poll(() => shown(left)).toEqual(['·SolidGoldMagikarp']);
  await expect.poll(() => shown(right)).toEqual(['·Solid', 'Gold', 'Mag', 'ik', 'arp']);
  expect(await left.locator('.characters').textContent()).toBe('18.00');
  expect(await right.locator('.bytes').textContent()).toBe('3.60');
  await page.getByLabel('Show ids').check();
  expect(await shown(left)).toEqual(['43453']);
  expect(await shown(right)).toEqual([...cl100k.encode(' SolidGoldMagikarp')].map(String));

  // With the keys alone: from the text to a tokenizer and to its tokens.
  await page.locator('#text').focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  expect(await left.locator('.detail').textContent()).toBe(
    'Token 1 of 1 · id 43453 · 18 bytes: 20 53 6F 6C 69 64 47 6F 6C 64 4D 61 67 69 6B 61 72 70',
  );
  await right.locator('.token').nth(1).hover();
  expect(await right.locator('.detail').textContent()).toContain(
    `Token 2 of 5 · id ${cl100k.encode('Gold')[0]} · 4 bytes`,
  );

  await right.locator('select').selectOption('None');
  await expect.poll(() => right.locator('.token').count()).toBe(0);
  await write(page, 'one');
  expect(await shown(left)).toEqual([String(gpt2.encode('one')[0])]);
  expect(await right.locator('.token').count()).toBe(0);
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('gives the ids that Node gives, of any text', async () => {
  const { page, heard, left, right } = await open();
  await page.getByLabel('Show ids').check();
  const seed = Date.now() % 2 ** 31;
  console.info(`texts of the page of tokens: seed ${seed}`);
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 }));
  for (const drawn of fc.sample(text, { seed, numRuns: 8 })) {
    // A text area knows no carriage returns.
    const given = drawn.replaceAll('\r', '\n');
    await write(page, given);
    for (const [column, tokenizer] of [
      [left, gpt2],
      [right, cl100k],
    ] as const)
      expect(await shown(column), `seed ${seed}: ${JSON.stringify(given)}`).toEqual(
        [...tokenizer.encode(given, 'none')].map(String),
      );
  }
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('marks what cannot be seen, and takes nothing in the text for markup', async () => {
  const { page, heard, left } = await open();
  await write(page, 'a  b\tc\n\u00a0\u200bé🦙');
  const marks = await left.locator('.mark').allTextContents();
  expect(marks).toEqual(['·', '·', '→', '↵', 'U+00A0', 'U+200B', 'F0 9F', 'A6', '99']);
  // Neighbours differ, and their bytes are those of the text.
  const colours = await left
    .locator('.token')
    .evaluateAll((all) => all.map((e) => getComputedStyle(e).backgroundColor));
  for (const [i, colour] of colours.slice(1).entries()) expect(colour).not.toBe(colours[i]);
  await write(page, '<img src=x onerror=alert(1)><b>bold</b>&amp;');
  expect((await shown(left)).join('')).toBe('<img·src=x·onerror=alert(1)><b>bold</b>&amp;');
  expect(await left.locator('.tokens b, .tokens img').count()).toBe(0);
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('reads special tokens as text, or as tokens where that is wanted', async () => {
  const { page, heard, left, right } = await open();
  await page.getByLabel('Show ids').check();
  await write(page, 'a<|endoftext|>b');
  expect(await shown(left)).toEqual([...gpt2.encode('a<|endoftext|>b', 'none')].map(String));
  await page.getByLabel('Special tokens as tokens').check();
  await expect.poll(() => left.locator('.special').allTextContents()).toEqual(['50256']);
  await expect.poll(() => right.locator('.special').allTextContents()).toEqual(['100257']);
  expect(await count(left)).toBe(3);
  await page.getByLabel('Special tokens as tokens').uncheck();
  await expect.poll(() => left.locator('.special').count()).toBe(0);
  expect(heard).toEqual([]);
});

const dropOn = async (page: Page, column: Locator, name: string, text: string) => {
  const data = await page.evaluateHandle(
    ([file = '', body = '']) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([body], file));
      return transfer;
    },
    [name, text],
  );
  await column.dispatchEvent('drop', { dataTransfer: data });
};

test.skipIf(missing !== null)('takes a file of the user’s own, and says what is wrong with one', async () => {
  const { page, heard, left, right } = await open();
  await page.getByLabel('Show ids').check();
  const text = 'the theme of the thesis';
  const small = RegexTokenizer.train(text, 262);
  await write(page, text);
  await dropOn(page, right, 'small.model', writeMinbpe(small));
  await expect.poll(() => shown(right)).toEqual([...small.encode(text)].map(String));
  expect(await right.locator('select option:checked').textContent()).toBe('small.model');
  // The other column has it to choose, too.
  await left.locator('select').selectOption('small.model');
  await expect.poll(() => shown(left)).toEqual([...small.encode(text)].map(String));

  await right.locator('input[type="file"]').setInputFiles({
    name: 'odd.json',
    mimeType: 'application/json',
    buffer: Buffer.from('{"not": "one"}'),
  });
  await expect.poll(() => right.locator('.problem').textContent()).toContain('odd.json is no tokenizer');
  expect(await right.locator('.token').count()).toBe(0);
  await right.locator('select').selectOption('cl100k_base');
  await expect.poll(() => shown(right)).toEqual([...cl100k.encode(text)].map(String));
  expect(await right.locator('.problem').isHidden()).toBe(true);

  // A pattern that does not end in this world's time: another tokenizer is to be had all the same.
  await write(page, `${'a'.repeat(40)}c`);
  await dropOn(page, right, 'hurts.model', writeMinbpe(new RegexTokenizer('(a+)+b', { merges: [] })));
  await expect.poll(() => right.locator('select option:checked').textContent()).toBe('hurts.model');
  await right.locator('select').selectOption('cl100k_base');
  await expect.poll(() => shown(right)).toEqual([...cl100k.encode(`${'a'.repeat(40)}c`)].map(String));
  await dropOn(page, page.locator('#text'), 'a.txt', 'of a file');
  await expect.poll(() => shown(left)).toEqual([...small.encode('of a file')].map(String));
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('takes a million characters, and shows those tokens that one is at', async () => {
  const { page, heard, left, right } = await open();
  const long = 'All the world’s a stage, and all the men and women merely players.\n'
    .repeat(15_000)
    .slice(0, 1_000_000);
  const area = page.locator('#text');
  await area.evaluate((element: HTMLTextAreaElement, text) => {
    element.value = text;
    element.setSelectionRange(0, 0);
    element.dispatchEvent(new InputEvent('input'));
  }, long);
  const [all, allRight] = [gpt2.count(long), cl100k.count(long)];
  await expect.poll(() => count(left)).toBe(all);
  await expect.poll(() => count(right)).toBe(allRight);
  expect(await left.locator('.token').count()).toBe(WINDOW);
  const after = left.locator('.after');
  expect(await after.textContent()).toBe(`… and ${(all - WINDOW).toLocaleString('en')} more`);
  await after.click();
  await settled(left);
  expect(await left.locator('.before').textContent()).toBe(`… and ${WINDOW.toLocaleString('en')} before`);
  expect(await after.textContent()).toBe(`… and ${(all - 2 * WINDOW).toLocaleString('en')} more`);

  await area.evaluate((element: HTMLTextAreaElement) => element.setSelectionRange(1_000_000, 1_000_000));
  await area.pressSequentially(' SolidGoldMagikarp');
  await expect.poll(() => left.locator('.token').last().textContent()).toBe('·SolidGoldMagikarp');
  expect(await left.locator('.after').isHidden()).toBe(true);
  expect(await count(left)).toBe(gpt2.count(`${long} SolidGoldMagikarp`));
  expect(await left.locator('.token').count()).toBeLessThanOrEqual(WINDOW);
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('is linked from the dashboard, and there for whoever has the key', async () => {
  const { page, heard } = await blank();
  const elsewhere = `http://${ELSEWHERE}:${door.port}`;
  // Away from this machine, and without the key: the page, and no tokenizers.
  const refused = await fetch(`http://127.0.0.1:${door.port}/tokenizers`, {
    headers: { 'x-forwarded-for': '1.2.3.4' },
  });
  expect(refused.status).toBe(401);
  await page.goto(`${elsewhere}/tokens`);
  await expect.poll(() => page.locator('#problem').textContent()).toContain('open this page from the dashboard');
  expect(heard.splice(0)).toEqual([expect.stringContaining('401')]);
  await page.goto(`${elsewhere}/#key=${encodeURIComponent(KEY)}`);
  await page.getByRole('link', { name: 'Tokens' }).click();
  const [left, right] = [page.locator('.column').nth(0), page.locator('.column').nth(1)];
  await expect.poll(() => left.locator('select option:checked').textContent()).toBe('our run');
  await expect.poll(() => right.locator('select option:checked').textContent()).toBe('gpt2');
  await write(page, 'the');
  await expect.poll(() => shown(left)).toEqual(['the']);
  await expect.poll(() => shown(right)).toEqual(['the']);
  expect(await page.locator('#problem').isHidden()).toBe(true);
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('fits a phone, in the dark', async () => {
  const { page, heard, left } = await opened({ width: 390, scheme: 'dark' });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await page.getByLabel('Show ids').check();
  await write(page, `${'x'.repeat(500)} ${'1 '.repeat(500)}`);
  await expect.poll(() => count(left)).toBe(gpt2.count(`${'x'.repeat(500)} ${'1 '.repeat(500)}`));
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  expect(heard).toEqual([]);
});
