/** Workers' own tokens, with real processes: who comes in, as whom, and that a revoked one goes and stays away. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkWorkforce, type WorkforceArguments } from '../../cli/train.ts';
import { addToken, revokeToken } from '../../coordinator/door/tokenFile.ts';
import { openTokens } from '../../coordinator/door/tokens.ts';
import { UserError } from '../../core/errors.ts';
import { Cli, endAll, refused, scratch } from '../support/cli.ts';
import { logHas, readLog } from '../support/log.ts';
import { get } from '../support/scrape.ts';

const { dir, remove } = scratch();
const tokens = join(dir, 'tokens.json');
let alice: string;
let bob: string;
let runs = 0;

async function make(name: string, ...more: string[]): Promise<string> {
  const cli = new Cli(['token', 'add', name, '--tokens', tokens, ...more]);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return cli.stdout.trim();
}

/** A run that lasts as long as the test likes. */
function coordinator(...more: string[]): { run: Cli; log: string } {
  const out = join(dir, `run-${runs++}`);
  const log = `${out}.log`;
  const endless = ['--steps', '10000000', '--eval-every', '0', '--threads', '0', '--listen', '127.0.0.1:0'];
  return { run: new Cli(['train', 'names-mlp', '--json', '--out', out, ...endless, '--log', log, ...more]), log };
}

const worker = (url: string, token: string, name: string) =>
  new Cli(['worker', url, '--token', token, '--threads', '1', '--name', name]);

beforeAll(async () => {
  alice = await make('alice', '--trusted');
  bob = await make('bob');
}, 30_000);
afterEach(endAll);
afterAll(remove);

test('the file tells nobody a token, nor can anybody else read it', async () => {
  expect(alice).toMatch(/^mg-[\w-]{32}$/);
  expect(bob).not.toBe(alice);
  const text = readFileSync(tokens, 'utf8');
  expect(text).not.toContain(alice.slice(3));
  expect(text).not.toContain(bob.slice(3));
  if (process.platform !== 'win32') expect(statSync(tokens).mode & 0o077).toBe(0);
  const list = new Cli(['token', 'list', '--tokens', tokens, '--json']);
  await list.exited;
  expect(list.events.map(({ name, trusted }) => ({ name, trusted }))).toEqual([
    { name: 'alice', trusted: true },
    { name: 'bob', trusted: false },
  ]);
});

test('each comes in as whose token it brings; the run’s own counts beside them', async () => {
  const { run, log } = coordinator('--tokens', tokens, '--token', 'shared');
  const { url, port } = await run.until((e) => e.event === 'listening');
  for (const [token, name] of [
    [alice, 'a'],
    [bob, 'b'],
    ['shared', 'c'],
  ] as const)
    worker(String(url), token, name);
  const standing = async (name: string) => {
    const { token, trusted } = await logHas(
      log,
      (e) => e.event === 'joined' && String(e.worker).startsWith(`${name}#`),
    );
    return { token, trusted };
  };
  expect(await standing('a')).toEqual({ token: 'alice', trusted: true });
  expect(await standing('b')).toEqual({ token: 'bob', trusted: false });
  expect(await standing('c')).toEqual({ token: null, trusted: false });
  const info = (token: string) => get(Number(port), '/run.json', { headers: { authorization: `Bearer ${token}` } });
  expect((await info(bob)).status).toBe(200);
  expect((await info('mg-nobody')).status).toBe(401);
}, 60_000);

test('with --token none only own tokens count, and one that is revoked sends its worker away for good', async () => {
  const carol = await make('carol', '--trusted');
  const { run, log } = coordinator('--tokens', tokens, '--token', 'none');
  const { url, join: link, token } = await run.until((e) => e.event === 'listening');
  expect(token).toBeNull();
  expect(link).toMatch(/\/join$/);
  const stranger = worker(String(url), 'none', 'stranger');
  expect(await stranger.exited).toEqual({ code: 1, signal: null });
  expect(stranger.stderr).toMatch(/^manygrad: [^\n]*the token does not match[^\n]*\n$/);
  const [first, second] = [worker(String(url), carol, 'first'), worker(String(url), bob, 'second')];
  await logHas(log, (e) => e.event === 'joined' && e.token === 'carol');
  await logHas(log, (e) => e.event === 'joined' && e.token === 'bob');

  const revoke = new Cli(['token', 'revoke', 'carol', '--tokens', tokens]);
  expect(await revoke.exited, revoke.stderr).toEqual({ code: 0, signal: null });
  expect(await first.exited).toEqual({ code: 1, signal: null });
  expect(first.stderr).toMatch(/^manygrad: [^\n]*its token was revoked[^\n]*\n$/);
  expect(await logHas(log, (e) => e.event === 'expelled')).toMatchObject({
    worker: expect.stringMatching(/^first#/),
    cause: 'token',
  });
  const again = worker(String(url), carol, 'again');
  expect(await again.exited).toEqual({ code: 1, signal: null });
  expect(again.stderr).toMatch(/the token does not match/);
  // The other one never noticed.
  expect(second.process.exitCode).toBeNull();
  expect(
    readLog(log)
      .filter((e) => e.event === 'left')
      .map((e) => e.worker),
  ).toEqual([expect.stringMatching(/^first#/)]);
}, 90_000);

test('a file that is damaged while the door is open changes nothing, and is complained of', async () => {
  const copy = join(dir, 'copy.json');
  writeFileSync(copy, readFileSync(tokens));
  const { run, log } = coordinator('--tokens', copy, '--token', 'none');
  const { url } = await run.until((e) => e.event === 'listening');
  writeFileSync(copy, '{"format":');
  const { warning } = await run.until((e) => e.event === 'warning');
  expect(warning).toMatch(/stay as they were.*copy\.json is no file of tokens/);
  worker(String(url), bob, 'late');
  await logHas(log, (e) => e.event === 'joined' && e.token === 'bob');
}, 60_000);

describe('said in one sentence:', () => {
  const args: WorkforceArguments = {
    threads: 0,
    listen: { host: '127.0.0.1', port: 0 },
    minWorkers: 0,
    token: undefined,
    tokens,
    tls: undefined,
    key: undefined,
    by: '',
    numerics: 'exact',
    grace: 10,
  };
  const missing = join(dir, 'missing.json');
  const damaged = join(dir, 'damaged.json');
  const busy = join(dir, 'busy.json');
  const open = (file: string) => openTokens({ shared: null, file, onProblem: () => undefined });
  beforeAll(() => {
    writeFileSync(damaged, '[]');
    writeFileSync(`${busy}.tmp`, '');
  });
  test.each<[string, () => unknown, RegExp]>([
    [
      'no token at all',
      () => checkWorkforce({ ...args, token: 'none', tokens: undefined }, 'json'),
      /--token none leaves workers no token/,
    ],
    ['tokens without a door', () => checkWorkforce({ ...args, threads: 1, listen: undefined }, 'json'), /add --listen/],
    ['no such file', () => open(missing), /missing\.json does not exist.*token add/],
    ['a damaged file', () => open(damaged), /damaged\.json is no file of tokens/],
    ['a name twice', () => addToken(tokens, 'bob', false), /has a token of bob already/],
    ['a name with a blank', () => addToken(tokens, 'b ob', false), /"b ob" is no name for a token/],
    ['nobody to revoke', () => revokeToken(tokens, 'nobody'), /has no token of nobody/],
    ['nothing to revoke from', () => revokeToken(missing, 'bob'), /missing\.json does not exist/],
    ['a file that another command is changing', () => addToken(busy, 'dave', true), /busy\.json is being changed/],
  ])('%s', (_, call, what) => {
    expect(call).toThrow(what);
    expect(call).toThrow(UserError);
    expect(existsSync(`${tokens}.tmp`)).toBe(false);
  });

  test('as the command says it', async () => {
    await refused(['token', 'revoke', 'bob', '--tokens', missing], /missing\.json does not exist/);
  });
});
