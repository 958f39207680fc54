/** The tokenizers that the page of tokens is given: whole, cached by their hash, and only to whom they are for. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveTokenizers, TokenizerShelf } from '../../../coordinator/door/tokenizers.ts';
import { hashOf } from '../../../core/tokenizer/description.ts';
import { parseTokenizer } from '../../../core/tokenizer/formats/read.ts';
import { PUBLISHED, publishedTokenizer } from '../../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../../core/tokenizer/regex.ts';
import type { Tokenizer } from '../../../core/tokenizer/tokenizer.ts';

const own = RegexTokenizer.train('the theme of the thesis', 260);
/** Of a kind that has no description. */
const odd: Tokenizer = {
  vocabSize: 0,
  special: new Map(),
  encode: () => new Uint32Array(0),
  count: () => 0,
  bytesOf: () => new Uint8Array(0),
  decodeBytes: () => new Uint8Array(0),
  decode: () => '',
  safeEnd: () => 0,
};
let server: Server;
let url: string;
let allowed = true;

beforeAll(async () => {
  const shelf = new TokenizerShelf([
    { name: 'our run', tokenizer: own },
    { name: 'p50k_base', tokenizer: own },
    { name: 'odd', tokenizer: odd },
  ]);
  server = createServer((request, response) => {
    if (!serveTokenizers(shelf, () => allowed, request, response)) response.end('not a tokenizer');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

test('lists its own first, and each name once', async () => {
  const list = (await (await fetch(`${url}/tokenizers`)).json()) as { name: string; path: string }[];
  expect(list.map(({ name }) => name)).toEqual([
    'our run',
    'p50k_base',
    'odd',
    ...PUBLISHED.filter((name) => name !== 'p50k_base'),
  ]);
  expect(new Set(list.map(({ path }) => path)).size).toBe(list.length);
});

test.each([
  ['own/0', async () => own],
  ['gpt2', () => publishedTokenizer('gpt2')],
])('%s comes whole, under its hash, and is not sent twice', async (file, make) => {
  const address = `${url}/tokenizers/${file}.json`;
  const [first, again] = await Promise.all([fetch(address), fetch(address)]);
  const hash = hashOf(await make());
  expect(first.headers.get('etag')).toBe(`"${hash}"`);
  expect(first.headers.get('content-encoding')).toBe('gzip');
  expect(hashOf(parseTokenizer(await first.bytes(), file))).toBe(hash);
  expect(await again.bytes()).not.toHaveLength(0);
  const known = await fetch(address, { headers: { 'if-none-match': `"${hash}"` } });
  expect([known.status, (await known.bytes()).length]).toEqual([304, 0]);
});

test('says what is wrong', async () => {
  const status = async (path: string, init?: RequestInit) => (await fetch(url + path, init)).status;
  expect(await status('/tokenizers/none.json')).toBe(404);
  expect(await status('/tokenizers/own/7.json')).toBe(404);
  expect(await status('/tokenizers', { method: 'POST' })).toBe(405);
  const response = await fetch(`${url}/tokenizers/own/2.json`);
  expect([response.status, await response.text()]).toEqual([
    500,
    'this kind of tokenizer cannot be kept as plain data.\n',
  ]);
  // What failed once may be asked for again, and hinders no other.
  expect(await status('/tokenizers/own/1.json')).toBe(200);
  expect(await (await fetch(`${url}/tokenizersX`)).text()).toBe('not a tokenizer');
  allowed = false;
  for (const path of ['/tokenizers', '/tokenizers/gpt2.json']) expect(await status(path)).toBe(401);
  allowed = true;
});
