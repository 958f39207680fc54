/**
 * Tabs as workers: real tabs of a real browser beside a thread, closed, reloaded, frozen, throttled and cut off, their
 * coordinator killed: the bits are those of one thread alone, and the ledger counts every micro-batch once.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FrameDecoder } from '../../core/protocol/frames.ts';
import { fromCoordinatorSchema } from '../../core/protocol/messages.ts';
import { Cli, type CliEvent, endAll, readSummary, scratch } from '../support/cli.ts';
import { expectExactLedger, worked } from '../support/ledger.ts';
import { complaints, ELSEWHERE, launch, missing } from './chromium.ts';

if (missing !== null) console.warn(`Tabs are not tested: ${missing}.`);

const STEPS = 100;
/** So many that a tab's part is worth its way there and back. */
const MICRO_BATCHES = 32;

const { dir, remove } = scratch();
let runs = 0;
let reference = '';
let browser: Browser;
const opened: Page[] = [];

const folder = (): string => `${dir}/run-${runs++}`;

function train(out: string, ...more: string[]): Cli {
  const size = ['--steps', String(STEPS), '--set', `batch=${32 * MICRO_BATCHES}`, '--set', 'microBatch=32'];
  const about = [...size, '--eval-every', '0', '--samples', '0', '--json'];
  return new Cli(['train', 'names-wavenet', ...about, '--out', out, ...more]);
}

const listening = async (coordinator: Cli): Promise<CliEvent> => coordinator.until((e) => e.event === 'listening');

const LISTEN = ['--listen', '127.0.0.1:0', '--token', 'secret'];

/** A person who opens the link in a window of their own, gives their name, and joins with one thread. */
async function join(link: string, name: string): Promise<{ page: Page; heard: string[] }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  opened.push(page);
  const heard = complaints(page);
  await page.goto(link);
  await page.locator('#name').fill(name);
  await page.locator('#join').click();
  return { page, heard };
}

const came = (coordinator: Cli, name: string, joined = true) =>
  coordinator.until((e) => e.event === 'worker' && String(e.name).startsWith(`${name}#`) && e.joined === joined);

async function expectReference(coordinator: Cli, out: string): Promise<void> {
  expect(await coordinator.exited, coordinator.stderr).toEqual({ code: 0, signal: null });
  expect(readSummary(out).paramsSha256).toBe(reference);
  expectExactLedger(out, STEPS, MICRO_BATCHES, 32);
}

beforeAll(async () => {
  if (missing !== null) return;
  browser = await launch();
  const out = folder();
  const one = train(out, '--threads', '1');
  expect(await one.exited, one.stderr).toEqual({ code: 0, signal: null });
  reference = readSummary(out).paramsSha256;
}, 60_000);

afterEach(async () => {
  for (const page of opened.splice(0)) await page.context().close();
  await endAll();
});

afterAll(async () => {
  await browser?.close();
  remove();
});

describe.skipIf(missing !== null)('tabs beside a thread', { timeout: 120_000 }, () => {
  test('one is closed, one reloaded, the coordinator killed and resumed', async () => {
    const out = folder();
    const first = train(out, '--threads', '1', '--min-workers', '3', '--checkpoint-every', '10', ...LISTEN);
    const { join: link, port } = await listening(first);
    const anna = await join(String(link), 'anna');
    // As from another machine over plain http: no shared memory, nothing kept but a name.
    const bert = await join(String(link).replace('127.0.0.1', ELSEWHERE), 'bert');
    await first.step(20);
    await anna.page.close();
    await came(first, 'anna', false);
    await first.step(40);
    await bert.page.reload();
    await came(first, 'bert', false);
    // The nickname is remembered.
    await bert.page.locator('#join').click();
    await first.until((e) => e.event === 'step' && Number(e.step) > 55 && e.workers === 2);
    first.kill('SIGKILL');
    await first.exited;
    const again = ['--threads', '1', '--min-workers', '2', '--listen', `127.0.0.1:${port}`, '--token', 'secret'];
    const second = new Cli(['train', '--resume', out, '--eval-every', '0', '--samples', '0', '--json', ...again]);
    const resumedAt = Number((await second.until((e) => e.event === 'start')).step);
    await came(second, 'bert');
    await expectReference(second, out);
    expect(resumedAt).toBeGreaterThanOrEqual(50);
    expect(worked(out, 'anna')).toBe(true);
    expect(worked(out, 'bert', resumedAt)).toBe(true);
    await expect.poll(() => bert.page.locator('#phase').textContent()).toBe('finished');
    expect(anna.heard).toEqual([]);
    expect(await bert.page.evaluate(() => crossOriginIsolated)).toBe(false);
    // While there was no coordinator, it said so.
    expect(bert.heard.filter((said) => !said.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
  });

  test('slow, cut off for ten seconds, frozen and thawed, paused and going on', async () => {
    const out = folder();
    const coordinator = train(out, '--threads', '0', '--min-workers', '3', ...LISTEN);
    const { join: link } = await listening(coordinator);
    const slow = await join(String(link), 'slow');
    const cdp = await slow.page.context().newCDPSession(slow.page);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 6 });
    const away = await join(String(link), 'away');
    const cold = await join(String(link), 'cold');
    await coordinator.step(20);

    const cutOff = Date.now();
    await away.page.context().setOffline(true);
    const ice = await cold.page.context().newCDPSession(cold.page);
    await ice.send('Page.setWebLifecycleState', { state: 'frozen' });
    await coordinator.step(40);
    await ice.send('Page.setWebLifecycleState', { state: 'active' });
    await slow.page.getByRole('button', { name: 'Pause' }).click();
    await came(coordinator, 'slow', false);
    await slow.page.getByRole('button', { name: 'Go on' }).click();
    // Ten seconds are what is promised to be survived; the network is back whether or not the run has gone on meanwhile.
    await expect.poll(() => Date.now() - cutOff, { timeout: 15_000 }).toBeGreaterThan(10_000);
    await away.page.context().setOffline(false);

    await expectReference(coordinator, out);
    for (const name of ['slow', 'away', 'cold']) expect(worked(out, name), name).toBe(true);
    for (const { heard } of [slow, cold]) expect(heard).toEqual([]);
    expect(await slow.page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  test('one that comes back in the middle of a step is not sent the parameters again', async () => {
    // Steps of some ten seconds: there is a middle to come back in.
    const long = ['--set', 'batch=300000', '--threads', '0'];
    const coordinator = train(folder(), ...long, ...LISTEN);
    const { join: link } = await listening(coordinator);
    const { page } = await join(String(link), 'dora');
    const kept = () =>
      page.evaluate(async () => (await (await caches.open('manygrad')).match('/kept-state'))?.headers.get('x-version'));
    await expect.poll(kept, { timeout: 20_000 }).toBe('0');
    const kinds: string[] = [];
    const decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        const message = decoder.push(Buffer.from(payload));
        if (message !== null) kinds.push(message.header.kind);
      }),
    );
    await page.reload();
    await page.locator('#join').click();
    await expect.poll(() => kinds).toContain('work');
    expect(kinds[0]).toBe('welcome');
    expect(kinds).not.toContain('state');
  });

  test('on battery it waits to be told, and comes back with another number of threads', async () => {
    const out = folder();
    const coordinator = train(out, '--threads', '0', ...LISTEN);
    const { join: link } = await listening(coordinator);
    const context = await browser.newContext();
    // A battery that is being used, as browsers tell of one; headless ones have none.
    await context.addInitScript(() => {
      const battery = Object.assign(new EventTarget(), { charging: false });
      Object.assign(navigator, { getBattery: async () => battery });
    });
    const page = await context.newPage();
    opened.push(page);
    await page.goto(String(link));
    await page.locator('#name').fill('emil');
    await page.locator('#join').click();
    await expect.poll(() => page.locator('#phase').textContent()).toBe('paused: on battery');
    expect(coordinator.events.some((e) => e.event === 'worker')).toBe(false);
    await page.locator('#battery').uncheck();
    await coordinator.step(3);
    await page.locator('#threads').fill('2');
    const joined = () => coordinator.events.filter((e) => e.event === 'worker' && e.joined === true).length;
    await expect.poll(joined).toBe(2);
    await expectReference(coordinator, out);
  });

  test('a link without its token says so, and a wrong one is turned away', async () => {
    const coordinator = train(folder(), '--threads', '0', ...LISTEN);
    const { port } = await listening(coordinator);
    const context = await browser.newContext();
    const page = await context.newPage();
    opened.push(page);
    await page.goto(`http://127.0.0.1:${port}/join`);
    await expect.poll(() => page.locator('#problem').textContent()).toContain('not complete');
    expect(await page.locator('#join').isVisible()).toBe(false);
  });
});
