/** The door of a real run, as a browser, a stranger and a page of another site find it. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { LIVE_PATH, LIVE_SUBPROTOCOL, LiveCloseCode } from '../../core/protocol/live.ts';
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';
import { Cli, endAll, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
let port = 0;
let links: { join: string; dashboard: string };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Resolves to 'open', or to the status that refuses. */
function knock(path: string, protocol: string, headers: Record<string, string>): Promise<WebSocket | number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol, { headers });
  return new Promise((resolve) => {
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('error', () => undefined);
  });
}

beforeAll(async () => {
  const args = ['--threads', '0', '--listen', '127.0.0.1:0', '--token', 'to ken', '--key', 'the key', '--by', 'Ada'];
  const run = new Cli(['train', 'names-mlp', '--json', '--out', `${dir}/run`, ...args]);
  const heard = await run.until((e) => e.event === 'listening');
  port = Number(heard.port);
  links = { join: String(heard.join), dashboard: String(heard.dashboard) };
}, 30_000);

afterAll(async () => {
  await endAll();
  remove();
});

test('the links carry their secrets in the fragment, which no server sees', () => {
  expect(links.join).toBe(`http://127.0.0.1:${port}/join#token=to%20ken`);
  expect(links.dashboard).toBe(`http://127.0.0.1:${port}/#key=the%20key`);
});

test.each(['/', '/join', '/dashboard.js', '/join.js', '/thread.js', '/dashboard.css', '/join.css', '/kernels.wasm'])(
  '%s comes under a policy that allows nothing from elsewhere and nothing inline',
  async (path) => {
    const { status, headers, body } = await get(path);
    expect(status).toBe(200);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe-inline');
    expect(policy).not.toContain("'unsafe-eval'");
    expect(headers['cross-origin-opener-policy']).toBe('same-origin');
    expect(headers['cross-origin-embedder-policy']).toBe('require-corp');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['set-cookie']).toBeUndefined();
    if (!String(headers['content-type']).startsWith('text/html')) return;
    const html = gunzipSync(body).toString();
    expect(html).not.toMatch(/<script(?![^>]* src="\/)|<style| style=| on\w+="/);
    for (const [, url] of html.matchAll(/(?:src|href)="([^"]*)"/g)) expect(url).toMatch(/^(\/[\w.]+$|#|data:)/);
  },
);

test('all that a volunteer first loads is under 400 KB', async () => {
  let bytes = 0;
  const seen = new Set<string>();
  const load = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const { status, body, headers } = await get(path);
    expect(status, path).toBe(200);
    bytes += body.byteLength;
    if (!String(headers['content-type']).includes('javascript')) return;
    const imports = gunzipSync(body)
      .toString()
      .matchAll(/(?:from|import)"\.(\/[\w.-]+)"/g);
    for (const [, next = ''] of imports) await load(next);
  };
  for (const path of ['/join', '/join.css', '/join.js', '/thread.js', '/kernels.wasm']) await load(path);
  expect(seen.size).toBeGreaterThan(5);
  expect(bytes).toBeLessThan(400_000);
});

test('what the browser holds already is not sent again', async () => {
  const { headers } = await get('/join.js');
  const again = await get('/join.js', { 'if-none-match': String(headers.etag) });
  expect(again.status).toBe(304);
  expect(again.body.byteLength).toBe(0);
});

test("the run's description is for those who have the token", async () => {
  expect((await get('/run.json')).status).toBe(401);
  expect((await get('/run.json', { authorization: 'Bearer wrong' })).status).toBe(401);
  const { status, body } = await get('/run.json', { authorization: 'Bearer to%20ken' });
  expect(status).toBe(200);
  expect(JSON.parse(body.toString())).toMatchObject({ run: 'run', model: 'mlp', by: 'Ada', parameters: 12_097 });
});

test('nothing is taken in, and what is not there is not there', async () => {
  expect((await get('/join', {}, 'POST')).status).toBe(405);
  for (const path of ['/../cli.ts', '/%2e%2e/cli.ts', '/package.json', '/kernels.wasm/x'])
    expect((await get(path)).status, path).toBe(404);
});

test('a stranger that is refused an upgrade and breaks off harms nobody', async () => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Origin: https://elsewhere.example', 'Upgrade: websocket'];
  socket.write(`${[...lines, 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'].join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  socket.resetAndDestroy();
  expect((await get('/join')).status).toBe(200);
});

describe('a page of another site', () => {
  test.each([
    ['/', SUBPROTOCOL],
    [LIVE_PATH, LIVE_SUBPROTOCOL],
  ])('may not open a WebSocket at %s', async (path, protocol) => {
    expect(await knock(path, protocol, { origin: 'https://elsewhere.example' })).toBe(403);
    expect(await knock(path, protocol, { origin: 'null' })).toBe(403);
    const own = await knock(path, protocol, { origin: `http://127.0.0.1:${port}` });
    expect(own).toBeInstanceOf(WebSocket);
    if (own instanceof WebSocket) own.terminate();
  });

  test.each([
    ['through a proxy', { 'x-forwarded-for': '203.0.113.9' }],
    ['by a name that is not of this machine', { host: 'rebound.example' }],
  ])('%s, the operator needs the key', async (_, headers) => {
    const socket = await knock(LIVE_PATH, LIVE_SUBPROTOCOL, headers);
    if (!(socket instanceof WebSocket)) throw new Error(`refused with ${socket}`);
    socket.send(JSON.stringify({ kind: 'open', key: '' }));
    const [code] = await once(socket, 'close');
    expect(code).toBe(LiveCloseCode.refused);
    const keyed = await knock(LIVE_PATH, LIVE_SUBPROTOCOL, headers);
    if (!(keyed instanceof WebSocket)) throw new Error(`refused with ${keyed}`);
    keyed.send(JSON.stringify({ kind: 'open', key: 'the key' }));
    const [message] = await once(keyed, 'message');
    expect(JSON.parse(String(message))).toMatchObject({ kind: 'snapshot' });
    keyed.terminate();
  });
});
