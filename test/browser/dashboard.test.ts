/** The operator's page in a real browser, under its real policy, fed as by a run of 200,000 steps with 200 workers. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { type CoordinatorServer, listen } from '../../coordinator/server.ts';
import { LiveCloseCode } from '../../core/protocol/live.ts';
import { makePages } from '../../deploy/pages.ts';
import { complaints, launch, missing } from './chromium.ts';
import { Feed, info, WORKERS } from './feed.ts';

if (missing !== null) console.warn(`The operator's page is not tested: ${missing}.`);
const unused = (): never => {
  throw new Error('no worker comes here');
};

let browser: Browser;
let server: CoordinatorServer;
let accept: (socket: WebSocket) => void;
const feeds: Feed[] = [];
const feed = () => feeds.at(-1) ?? unused();
const pages: Page[] = [];

beforeAll(async () => {
  if (missing !== null) return;
  browser = await launch();
  server = await listen({
    host: '127.0.0.1',
    port: 0,
    token: 't',
    numerics: null,
    run: info.run,
    model: {},
    maxResultBytes: 0,
    connect: unused,
    state: unused,
    news: unused,
    info,
    pages: await makePages(),
    operator: (socket) => accept(socket),
  });
}, 60_000);

afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});

afterAll(async () => {
  await browser?.close();
  await server?.close(true);
});

async function open(options: { width?: number; key?: string; scheme?: 'light' | 'dark' } = {}) {
  accept = (socket) => feeds.push(new Feed(socket));
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: 900 },
    colorScheme: options.scheme ?? 'light',
  });
  const page = await context.newPage();
  pages.push(page);
  const heard = complaints(page);
  await page.goto(`http://127.0.0.1:${server.port}/${options.key === undefined ? '' : `#key=${options.key}`}`);
  return { page, heard };
}

const rows = (page: Page) => page.locator('#workers-body tr');

test.skipIf(missing !== null)(
  'shows a large run, and its updates in place, without a shift or a complaint',
  async () => {
    const { page, heard } = await open();
    await expect.poll(() => rows(page).count()).toBe(WORKERS);
    expect(await page.locator('#run').textContent()).toBe(info.run);
    // A name is text, whatever is in it.
    expect(await page.locator('#workers-body b').count()).toBe(0);
    await page.evaluate(() => {
      const shifts: number[] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
      }).observe({ type: 'layout-shift' });
    });
    const first = await rows(page).first().elementHandle();
    for (let i = 1; i <= 20; i++) {
      feed().update();
      await expect.poll(() => page.locator('#step').textContent()).toBe((200_000 + i).toLocaleString('en'));
    }
    expect(await rows(page).count()).toBe(WORKERS);
    expect(await first?.evaluate((row) => row.isConnected)).toBe(true);
    const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
    expect(shifts.reduce((a, b) => a + b, 0)).toBeLessThan(0.01);
    expect(await page.title()).toContain('200,020');
    expect(heard).toEqual([]);
  },
);

test.skipIf(missing !== null)('sorts, asks before it sends a worker away, and says what became of it', async () => {
  const { page, heard } = await open();
  await expect.poll(() => rows(page).count()).toBe(WORKERS);
  await page.getByRole('button', { name: 'Threads', exact: true }).click();
  expect(await page.locator('th.col-slots').getAttribute('aria-sort')).toBe('descending');
  const threads = await page.locator('td.col-slots').allTextContents();
  expect(threads).toEqual(threads.toSorted((a, b) => Number(b) - Number(a)));

  const kick = rows(page)
    .first()
    .getByRole('button', { name: /^Send .* away$/ });
  await kick.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect(feed().commands).toEqual([]);
  await kick.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send away' }).click();
  await expect.poll(() => feed().commands).toMatchObject([{ kind: 'kick' }]);
  await expect.poll(() => page.locator('#toast').textContent()).toContain('was sent away');

  await page.locator('#prompt').fill('ma');
  await page.getByRole('button', { name: 'Draw' }).click();
  await expect.poll(() => page.locator('#drawn').textContent()).toBe('maora');
  expect(heard).toEqual([]);
});

test.skipIf(missing !== null)('comes back by itself, and then shows what is true', async () => {
  const { page } = await open();
  await expect.poll(() => page.locator('#step').textContent()).toBe('200,000');
  let sockets = 0;
  accept = (socket) => {
    if (sockets++ === 0) socket.terminate();
    else feeds.push(new Feed(socket, 77));
  };
  const held = feeds.length;
  feed().drop();
  await expect.poll(() => page.locator('#step').textContent(), { timeout: 10_000 }).toBe('200,077');
  expect(sockets).toBe(2);
  expect(feeds.length).toBe(held + 1);
  expect(await page.locator('#link').textContent()).toBe('');
});

test.skipIf(missing !== null)('asks for the key where one is needed, and takes it out of the address', async () => {
  const keys: string[] = [];
  const { page } = await open({ key: 'wrong' });
  await expect.poll(() => page.locator('#run').textContent()).toBe(info.run);
  expect(page.url()).not.toContain('wrong');
  accept = (socket) => {
    socket.once('message', (data: Buffer) => {
      const { key } = JSON.parse(data.toString()) as { key: string };
      keys.push(key);
      if (key === 'right') feeds.push(new Feed(socket, 5, true));
      else socket.close(LiveCloseCode.refused);
    });
  };
  await page.reload();
  await page.getByRole('dialog').locator('#key').fill('right');
  await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
  await expect.poll(() => page.locator('#step').textContent()).toBe('200,005');
  expect(keys).toEqual(['wrong', 'right']);
});

test.skipIf(missing !== null)('fits a phone, light and dark, with text that can be read', async () => {
  for (const scheme of ['light', 'dark'] as const) {
    const { page } = await open({ width: 390, scheme });
    await expect.poll(() => rows(page).count()).toBe(WORKERS);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    for (const [text, ground] of [
      ...['--text', '--quiet', '--accent', '--good', '--warn', '--bad'].map((name) => [name, '--surface']),
      ...['--text', '--quiet'].map((name) => [name, '--bg']),
      ...['good', 'warn', 'bad', 'accent'].map((name) => [`--${name}`, `--${name}-soft`]),
      ['--quiet', '--sunken'],
      ['--on-accent', '--accent'],
    ] as [string, string][])
      expect(await contrast(page, text, ground), `${text} on ${ground}, ${scheme}`).toBeGreaterThanOrEqual(4.5);
  }
});

/** WCAG 2.2's contrast ratio of two colours of the theme. */
async function contrast(page: Page, a: string, b: string): Promise<number> {
  const [x, y] = await page.evaluate(
    (names) =>
      names.map((name) => {
        const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
        const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
          const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
          return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      }),
    [a, b],
  );
  const [low = 0, high = 0] = [x ?? 0, y ?? 0].sort((p, q) => p - q);
  return (high + 0.05) / (low + 0.05);
}
