/** TLS at the door, with certificates made for the test: the same bits as without, and words for whoever does not fit. */
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { nameFor, readPair } from '../../coordinator/door/tls.ts';
import { UserError } from '../../core/errors.ts';
import { tlsTrouble } from '../../worker/tlsTrouble.ts';
import { Cli, endAll, readSummary, refused, scratch } from '../support/cli.ts';
import { get } from '../support/scrape.ts';
import { certify } from './certificates.ts';

const { dir, remove } = scratch();
const path = (name: string) => join(dir, name);
/** Certificates by name: of this machine, one of another authority, one that renews it, one of another host. */
const pems = new Map<string, { cert: string; private: string }>();

beforeAll(async () => {
  for (const name of ['ours', 'theirs', 'renewed']) pems.set(name, await certify(dir, name));
  pems.set('elsewhere', await certify(dir, 'elsewhere', [{ type: 2, value: 'train.example.org' }]));
}, 60_000);
afterEach(endAll);
afterAll(remove);

const pem = (name: string): { cert: string; private: string } => {
  const found = pems.get(name);
  if (found === undefined) throw new Error(`there is no certificate ${name}`);
  return found;
};
const tls = (name: string) => ['--tls-cert', path(`${name}.crt`), '--tls-key', path(`${name}.key`)];
const train = (out: string, ...more: string[]) =>
  new Cli([
    ...['train', 'names-mlp', '--json', '--out', path(out), '--eval-every', '0', '--samples', '0', '--threads', '0'],
    ...['--listen', '127.0.0.1:0', '--token', 't', ...more],
  ]);
const worker = (url: unknown, ...more: string[]) =>
  new Cli(['worker', String(url), '--token', 't', '--threads', '1', ...more]);

test('a worker over wss and one over ws end with the same bits; the pages are there, and told their scheme', async () => {
  const plain = train('plain', '--steps', '20');
  worker((await plain.until((e) => e.event === 'listening')).url);
  expect(await plain.exited, plain.stderr).toEqual({ code: 0, signal: null });

  const secure = train('secure', '--steps', '20', ...tls('ours'));
  const { url, port, join: link, dashboard } = await secure.until((e) => e.event === 'listening');
  expect(url).toBe(`wss://127.0.0.1:${port}`);
  expect(link).toBe(`https://127.0.0.1:${port}/join#token=t`);
  expect(dashboard).toMatch(/^https:/);
  const ca = pem('ours').cert;
  expect(await get(Number(port), '/join', { ca, method: 'HEAD' })).toMatchObject({ status: 200 });
  expect(JSON.parse((await get(Number(port), '/healthz', { ca })).text)).toMatchObject({ status: 'ok', step: 0 });
  const helper = worker(url, '--tls-ca', path('ours.crt'));
  expect(await secure.exited, secure.stderr).toEqual({ code: 0, signal: null });
  expect(await helper.exited, helper.stderr).toEqual({ code: 0, signal: null });
  expect(readSummary(path('secure')).paramsSha256).toBe(readSummary(path('plain')).paramsSha256);
}, 90_000);

test('who does not fit is told so in one sentence, and others are not disturbed', async () => {
  const run = train('unfit', '--steps', '10000000', ...tls('ours'));
  const { url, port } = await run.until((e) => e.event === 'listening');
  await refused(['worker', String(url), '--token', 't'], /authority that is unknown here.*--tls-ca FILE/);
  const wrong = ['--tls-ca', path('theirs.crt')];
  await refused(['worker', String(url), '--token', 't', ...wrong], /authority that is unknown here.*--tls-ca FILE/);
  await refused(['worker', `ws://127.0.0.1:${port}`, '--token', 't'], /speaks TLS: write wss:\/\//);
  expect(await get(Number(port), '/join')).toMatchObject({ status: 426, text: expect.stringMatching(/https:\/\//) });
  worker(url, '--tls-ca', path('ours.crt'));
  await run.step(1);
}, 90_000);

test('a wss worker at a door without TLS is told so', async () => {
  const run = train('open', '--steps', '1');
  const { port } = await run.until((e) => e.event === 'listening');
  await refused(['worker', `wss://127.0.0.1:${port}`, '--token', 't'], /speaks no TLS: write ws:\/\//);
}, 60_000);

test('a certificate that is renewed is used from then on; one that is no good is not', async () => {
  const files = ['--tls-cert', path('live.crt'), '--tls-key', path('live.key')];
  const put = (cert: string, key: string) => {
    for (const [name, text] of [
      ['live.crt', pem(cert).cert],
      ['live.key', pem(key).private],
    ] as const) {
      writeFileSync(path(`${name}.new`), text);
      renameSync(path(`${name}.new`), path(name));
    }
  };
  put('ours', 'ours');
  const run = train('renewal', '--steps', '10000000', ...files);
  const { port } = await run.until((e) => e.event === 'listening');
  /** Who is shown to a connection that is made now. */
  const shown = async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  expect(await shown()).toBe('ours');
  put('renewed', 'theirs');
  const { warning } = await run.until((e) => e.event === 'warning');
  expect(warning).toMatch(/certificate stays as it was.*is not the key of/);
  expect(await shown()).toBe('ours');
  put('renewed', 'renewed');
  await expect.poll(shown, { timeout: 30_000 }).toBe('renewed');
}, 90_000);

describe('said in one sentence:', () => {
  const files = (cert: string, key: string) => ({ cert: path(cert), key: path(key) });
  test.each<[string, [string, string], RegExp]>([
    ['no such file', ['missing.crt', 'ours.key'], /missing\.crt cannot be read \(ENOENT\)/],
    ['the two mixed up', ['ours.key', 'ours.crt'], /ours\.key holds no certificate/],
    ['no key', ['ours.crt', 'theirs.crt'], /theirs\.crt holds no private key/],
    ['the key of another', ['ours.crt', 'theirs.key'], /theirs\.key is not the key of .*ours\.crt/],
  ])('%s', (_, [cert, key], what) => {
    const read = () => readPair(files(cert, key));
    expect(read).toThrow(what);
    expect(read).toThrow(UserError);
  });

  test('as the command says it, before anything is made', async () => {
    const door = ['train', 'names-mlp', '--threads', '0', '--out', path('none'), '--listen', '127.0.0.1:0'];
    await refused([...door, '--tls-cert', path('ours.crt'), '--tls-key', path('theirs.key')], /is not the key of/);
    await refused([...door, '--tls-cert', path('ours.crt')], /--tls-cert and --tls-key belong together/);
    await refused(['worker', 'ws://127.0.0.1:1', '--tls-ca', path('ours.crt')], /--tls-ca is for .* wss:\/\//);
    await refused(['worker', 'wss://127.0.0.1:1', '--tls-ca', path('ours.key')], /ours\.key holds no certificate/);
  }, 60_000);
});

test('links name a host that the certificate is for', () => {
  const pair = (name: string) => readPair({ cert: path(`${name}.crt`), key: path(`${name}.key`) });
  expect(nameFor('127.0.0.1', pair('ours'))).toBe('127.0.0.1');
  expect(nameFor('localhost', pair('ours'))).toBe('localhost');
  expect(nameFor('192.0.2.7', pair('ours'))).toBe('localhost');
  expect(nameFor('192.0.2.7', pair('elsewhere'))).toBe('train.example.org');
});

test('what may pass by itself does not end a worker', () => {
  for (const code of ['ECONNREFUSED', 'CERT_HAS_EXPIRED', undefined])
    expect(tlsTrouble({ name: '', message: '', ...(code === undefined ? {} : { code }) })).toBeNull();
});
