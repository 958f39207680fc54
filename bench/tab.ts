/**
 * A tab of Chromium in which this repository's own modules run, their types stripped on the way: for measuring, and for showing
 * that a tab computes the same bits. It knows nothing of what is run.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { chromium } from 'playwright-core';

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const KERNELS = '/core/kernels/build/kernels.wasm';

const root = new URL('../', import.meta.url);

/** What the page may ask for. */
const served = /^\/(?:bench|core|models|worker|test\/browser)\/[\w./-]+\.ts$/;
const library = /^\/node_modules\/(?:zod|@noble\/hashes)\/[\w./-]+\.js$/;
const imports = { zod: '/node_modules/zod/index.js', '@noble/hashes/': '/node_modules/@noble/hashes/' };
const html = `<!doctype html><title>manygrad</title><script type="importmap">${JSON.stringify({ imports })}</script>`;

/** The system's Chromium, or why there is none to use. */
export function findChromium(): { executable: string } | { missing: string } {
  const executable = EXECUTABLES.find((path) => existsSync(path));
  if (executable !== undefined) return { executable };
  return { missing: `there is no Chromium here (${EXECUTABLES.join(', ')}): apt-get install chromium` };
}

/** Serves the page, its modules and the kernels over loopback. */
async function serve(): Promise<{ server: Server; url: string }> {
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    // Isolated, a page has the finer clock.
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const send = (type: string, body: string | Buffer) => response.setHeader('Content-Type', type).end(body);
    const file = () => readFile(new URL(`.${path}`, root));
    try {
      if (path === '/') send('text/html', html);
      else if (path === KERNELS) send('application/wasm', await file());
      else if (path.includes('..')) response.writeHead(404).end();
      else if (library.test(path)) send('text/javascript', await file());
      else if (served.test(path)) send('text/javascript', stripTypeScriptTypes((await file()).toString()));
      else response.writeHead(404).end();
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** What a function of a module gave in a tab, and the browser's version. */
export interface FromTab<T> {
  readonly version: string;
  readonly result: T;
}

/**
 * Calls `name` of the module at `path` (from the repository's root) in a tab of a browser started for it, with the bytes of the
 * kernels. The result must be JSON. @throws Error if it takes longer than `limitMs`
 */
export async function callInTab<T>(
  executablePath: string,
  path: string,
  name: string,
  limitMs: number,
): Promise<FromTab<T>> {
  const { server, url } = await serve();
  // Chromium's sandbox refuses to run as root, as whoever is in a container does; the page is our own.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: 30_000 });
  const deadline = setTimeout(() => void browser.close(), limitMs);
  try {
    const page = await browser.newPage();
    await page.goto(url);
    // As text: whoever transforms this file (vitest does) would transform a function's imports with it.
    const call = `Promise.all([import(${JSON.stringify(path)}), fetch(${JSON.stringify(KERNELS)}).then((r) => r.arrayBuffer())])
      .then(([module, bytes]) => module[${JSON.stringify(name)}](bytes))`;
    const result: T = await page.evaluate(call);
    return { version: browser.version(), result };
  } finally {
    clearTimeout(deadline);
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** The same bytes, for Node. */
export async function kernelBytes(): Promise<ArrayBuffer> {
  return new Uint8Array(await readFile(new URL(`.${KERNELS}`, root))).buffer;
}
