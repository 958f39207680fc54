/** The operator's page in a real browser, under its real policy, fed as by a run of 200,000 steps with 200 workers. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { logTicks } from '../../coordinator/dashboard/charts.ts';
import { stacked } from '../../coordinator/dashboard/timeline.ts';
import { bearerOf } from '../../coordinator/door/bearer.ts';
import { type CoordinatorServer, listen } from '../../coordinator/door/server.ts';
import { LiveCloseCode } from '../../core/protocol/live.ts';
import { makePages } from '../../deploy/pages.ts';
import { complaints, launch, missing } from './chromium.ts';
import { Feed, info, state, WORKERS } from './feed.ts';

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
    identify: bearerOf('t'),
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

test.skipIf(missing !== null)(
  'rows stay where they are under the focus, and notices are those of the run',
  async () => {
    const { page } = await open();
    await expect.poll(() => rows(page).count()).toBe(WORKERS);
    await page.getByRole('button', { name: /^Micro-batches/ }).click();
    const kick = rows(page).nth(2).getByRole('button');
    await kick.focus();
    const names = () => page.locator('td.col-name').allTextContents();
    const before = await names();
    for (let i = 1; i <= 5; i++) feed().update();
    await expect.poll(() => page.locator('#step').textContent()).toBe('200,005');
    expect(await names()).toEqual(before);
    expect(await kick.evaluate((button) => button === document.activeElement)).toBe(true);

    const { notices } = state(0);
    const last = notices.at(-1);
    const shown = () => page.locator('#notices li').count();
    // Two things can happen in one millisecond.
    feed().send({ kind: 'update', state: { notices: [...notices, { at: last?.at ?? 0, step: 1, text: 'at once' }] } });
    await expect.poll(shown).toBe(notices.length + 1);
    feed().send({
      kind: 'snapshot',
      info,
      state: { ...state(9), notices: [{ at: 1, step: 1, text: 'an older clock' }] },
    });
    await expect.poll(shown).toBe(1);
  },
);

test.skipIf(missing !== null)('says that a run has ended, and takes commands again when it goes on', async () => {
  const { page } = await open();
  await expect.poll(() => page.locator('#step').textContent()).toBe('200,000');
  const status = (phase: 'finished' | 'training') => ({ ...state(0).status, phase });
  feed().send({ kind: 'update', state: { status: status('finished') } });
  await expect.poll(() => page.locator('#pause').isDisabled()).toBe(true);
  feed().drop();
  await expect.poll(() => page.locator('#link').textContent()).toBe('the run has ended');
  expect(await page.locator('#step').textContent()).toBe('200,000');
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await expect.poll(() => page.locator('#phase').textContent()).toBe('training');
  expect(await page.locator('#pause').isDisabled()).toBe(false);
});

test.skipIf(missing !== null)('a key held down is one wish, and an empty field is no number', async () => {
  const { page } = await open();
  await expect.poll(() => rows(page).count()).toBe(WORKERS);
  for (let i = 0; i < 10; i++) await page.keyboard.down(' ');
  await page.keyboard.up(' ');
  await page.locator('#temperature').fill('');
  await page.getByRole('button', { name: 'Draw' }).click();
  await page.locator('#temperature').fill('0.75');
  await page.getByRole('button', { name: 'Draw' }).click();
  await expect.poll(() => page.locator('#drawn').textContent()).toBe('ora');
  expect(feed().commands).toMatchObject([{ kind: 'pause' }, { kind: 'sample', temperature: 0.75 }]);
});

test.skipIf(missing !== null)('the form for the key stays until there is one, and takes the whole link', async () => {
  const { page } = await open();
  await expect.poll(() => page.locator('#step').textContent()).toBe('200,000');
  const keys: string[] = [];
  accept = (socket) => {
    socket.once('message', (data: Buffer) => {
      const { key } = JSON.parse(data.toString()) as { key: string };
      keys.push(key);
      if (key === 'right') feeds.push(new Feed(socket, 5, true));
      else socket.close(LiveCloseCode.refused);
    });
  };
  feed().drop();
  const field = page.getByRole('dialog').locator('#key');
  await field.waitFor();
  await page.keyboard.press('Escape');
  await field.fill('http://10.0.0.1:8080/#key=right');
  await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
  await expect.poll(() => page.locator('#step').textContent()).toBe('200,005');
  expect(keys).toEqual(['', 'right']);
});

test.skipIf(missing !== null)(
  'what was dragged open stays open, and a block can be read while steps go by',
  async () => {
    const { page, heard } = await open();
    await expect.poll(() => rows(page).count()).toBe(WORKERS);
    const over = page.locator('#loss-chart .u-over');
    const box = await over.boundingBox();
    const [x, y] = [box?.x ?? 0, (box?.y ?? 0) + 50];
    await page.mouse.move(x + 100, y);
    await page.mouse.down();
    await page.mouse.move(x + 300, y, { steps: 5 });
    await page.mouse.up();
    await page.mouse.move(x + 200, y);
    const step = async () =>
      Number((await page.locator('#readout').textContent())?.match(/step ([\d,]+)/)?.[1]?.replace(',', ''));
    const pointed = await step();
    feed().update();
    await expect.poll(() => page.locator('#step').textContent()).toBe('200,001');
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    await page.mouse.move(x + 201, y);
    // A pixel of the whole course is some 250 steps, of the part dragged open 80.
    expect(Math.abs((await step()) - pointed)).toBeLessThan(1000);

    await page.locator('#timeline').focus();
    await page.keyboard.press('ArrowLeft');
    const note = page.locator('#timeline-note');
    const text = await note.textContent();
    expect(text).toMatch(/^micro-batch \d, .+, (under way|[\d.]+ ms)$/);
    feed().update();
    await expect.poll(() => page.locator('#step').textContent()).toBe('200,002');
    expect(await note.textContent()).toBe(text);
    await page.keyboard.press('ArrowLeft');
    expect(await note.textContent()).not.toBe(text);
    expect(heard).toEqual([]);
  },
);

test('blocks that one worker computed at once share its lane', () => {
  const block = (from: number, to: number | null) => ({
    lo: 0,
    microBatches: 1,
    worker: 1,
    name: 'local',
    from,
    to,
    accepted: true,
  });
  const parts = (...blocks: ReturnType<typeof block>[]) => stacked(blocks, 9).map(({ part, parts }) => [part, parts]);
  expect(parts(block(0, 3), block(3, 5))).toEqual([
    [0, 1],
    [0, 1],
  ]);
  expect(parts(block(0, 3), block(1, 4), block(3, 5))).toEqual([
    [0, 2],
    [1, 2],
    [0, 2],
  ]);
  expect(parts(block(0, null), block(8, 9))).toEqual([
    [0, 2],
    [1, 2],
  ]);
});

test('a logarithmic axis has a handful of round ticks, however little it spans', () => {
  expect(logTicks(1.5, 3.7)).toEqual([1.5, 2, 2.5, 3, 3.5]);
  expect(logTicks(0.003, 0.7)).toEqual([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]);
  expect(logTicks(2, 2)).toEqual([]);
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
