/**
 * Matmul in a tab of Chromium beside the tab's own multiply-add limit, and beside the same kernel in this Node: 6x8 in 128-bit
 * registers, since a page cannot set the V8 flag that packs pairs of them.
 *
 *   npm run bench:chromium [-- --json]
 *
 * The page runs bench/page.ts over the very files that Node runs, their types stripped on the way.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { machineInWords, thisMachine } from './machine.ts';
import type { Peak } from './matmul.ts';
import { measureTile, type TileFigures } from './page.ts';

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** For all that happens in the tab. */
const LIMIT_MS = 120_000;
const ROUNDS = 3;
/** Of the tab's limit: what a square product should reach. */
const BAR = 0.75;

const root = new URL('../', import.meta.url);

/** What the page may ask for. */
const served = /^\/(?:bench|core\/backend)\/[\w/]+\.ts$/;
const KERNELS = '/core/kernels/build/kernels.wasm';

/** Serves the page, its modules and the kernels over loopback. */
async function serve(): Promise<{ server: Server; url: string }> {
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    // Isolated, a page has the finer clock.
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const send = (type: string, body: string | Buffer) => response.setHeader('Content-Type', type).end(body);
    try {
      if (path === '/') send('text/html', '<!doctype html><title>manygrad bench</title>');
      else if (path === KERNELS) send('application/wasm', await readFile(new URL(`.${path}`, root)));
      else if (served.test(path))
        send('text/javascript', stripTypeScriptTypes(await readFile(new URL(`.${path}`, root), 'utf8')));
      else response.writeHead(404).end();
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** The figures of one tab of a browser started for it, and the browser's version. */
async function inChromium(executablePath: string, url: string): Promise<{ version: string; figures: TileFigures }> {
  // Chromium's sandbox refuses to run as root, as whoever is in a container does; the page is our own.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: 30_000 });
  const deadline = setTimeout(() => void browser.close(), LIMIT_MS);
  try {
    const page = await browser.newPage();
    await page.goto(url);
    const figures = await page.evaluate(async (kernels) => {
      // A path of the server, not of this file.
      const script = '/bench/page.ts';
      const { measureTile: measure } = (await import(script)) as typeof import('./page.ts');
      const bytes = await (await fetch(kernels)).arrayBuffer();
      return measure(bytes);
    }, KERNELS);
    return { version: browser.version(), figures };
  } finally {
    clearTimeout(deadline);
    await browser.close();
  }
}

/** The better of two measurements of the same, number by number. */
function better(a: TileFigures | null, b: TileFigures): TileFigures {
  if (a === null) return b;
  const peak: Peak = { narrow: Math.max(a.peak.narrow, b.peak.narrow), wide: Math.max(a.peak.wide, b.peak.wide) };
  const rows = b.rows.map(({ shape, rates }, r) => ({
    shape,
    rates: rates.map((rate, t) => Math.max(rate, a.rows[r]?.rates[t] ?? 0)),
  }));
  return { peak, rows };
}

function print(version: string, tab: TileFigures, node: TileFigures): void {
  const limits = `${tab.peak.narrow.toFixed(1)} GFLOP/s in Chromium, ${node.peak.narrow.toFixed(1)} in Node`;
  console.log(`${machineInWords(thisMachine())}; Chromium ${version}; best of ${ROUNDS} rounds in turns`);
  console.log(`\n128-bit multiply-adds on one thread: ${limits}`);
  console.log('\nMatmul (6x8) in GFLOP/s, and % of that limit: A·B, A·Bᵀ, Aᵀ·B, Aᵀ·Bᵀ');
  console.log(`${'m × n × k'.padEnd(22)}${'in Chromium'.padEnd(56)}in Node`);
  const cells = ({ peak, rows }: TileFigures, r: number) =>
    (rows[r]?.rates ?? [])
      .map((rate) => `${rate.toFixed(1)} (${((100 * rate) / peak.narrow).toFixed(0)} %)`.padEnd(14))
      .join('');
  for (const [r, { shape }] of tab.rows.entries())
    console.log(`${shape.join(' × ').padEnd(22)}${cells(tab, r)}${cells(node, r)}`);
  const squares = tab.rows.filter(({ shape: [m, n, k] }) => m === n && n === k && m % 64 === 0);
  const worst = Math.min(...squares.flatMap(({ rates }) => rates)) / tab.peak.narrow;
  console.log(
    `\nThe least at 192 to 1536: ${(100 * worst).toFixed(0)} % of the tab's limit (${worst >= BAR ? 'at least' : 'below'} ${100 * BAR} %)`,
  );
}

async function main(): Promise<void> {
  const executable = EXECUTABLES.find((path) => existsSync(path));
  if (executable === undefined) {
    console.log(`Not measured: there is no Chromium here (${EXECUTABLES.join(', ')}).`);
    return;
  }
  const bytes = await readFile(fileURLToPath(new URL(`.${KERNELS}`, root)));
  const { server, url } = await serve();
  try {
    let [tab, node]: [TileFigures | null, TileFigures | null] = [null, null];
    let version = '';
    for (let round = 0; round < ROUNDS; round++) {
      process.stderr.write(`measuring: round ${round + 1} of ${ROUNDS}\n`);
      const found = await inChromium(executable, url);
      version = found.version;
      tab = better(tab, found.figures);
      node = better(node, await measureTile(new Uint8Array(bytes).buffer));
    }
    if (tab === null || node === null) return;
    if (process.argv.includes('--json'))
      console.log(JSON.stringify({ machine: thisMachine(), chromium: version, tab, node }));
    else print(version, tab, node);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

await main();
