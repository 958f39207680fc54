/** Every wrong input gets one sentence that says what is wrong and how to mend it, a non-zero exit, and loses nothing. */
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Cli, endAll, refused, scratch } from '../support/cli.ts';
import { complains } from '../support/commands.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
const wavenet = at('wavenet');
const mlp = at('mlp');
const short = ['--steps', '3', '--threads', '1', '--samples', '0', '--quiet', '--set', 'batch=32'];

beforeAll(async () => {
  writeFileSync(at('lines.txt'), 'anna\nbob\nCarl\ndora\nemil\nfrida\ngus\nhanna\nida\njan\n');
  const runs = [
    new Cli(['train', 'names-wavenet', '--out', wavenet, ...short]),
    new Cli(['train', 'names-mlp', '--out', mlp, ...short]),
  ];
  for (const run of runs) expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
}, 30_000);
afterEach(endAll);
afterAll(remove);

describe('the command line', () => {
  test.each([
    [
      'an unknown preset',
      ['train', 'names-wavenot'],
      /no preset or config file "names-wavenot": use one of names-bigram, names-mlp, names-wavenet/,
    ],
    ['an unknown command', ['trian', 'names-mlp'], /trian/],
    ['an unknown flag', ['train', 'names-mlp', '--step', '5'], /step/],
    ['no preset', ['train'], /say what to train/],
    ['a missing data file', ['train', 'names-mlp', '--data', at('nowhere.txt')], /nowhere\.txt does not exist/],
    ['a field that there is not', ['train', 'names-mlp', '--set', 'modle.hidden=3'], /modle/],
    ['a value of the wrong type', ['train', 'names-mlp', '--set', 'batch=many'], /batch/],
    ['steps that are no number', ['train', 'names-mlp', '--steps', 'ten'], /--steps must be a whole number/],
    ['nobody to work', ['train', 'names-mlp', '--threads', '0'], /--threads 0 leaves nobody/],
    ['an address that is none', ['train', 'names-mlp', '--listen', 'here'], /--listen here is no address/],
    ['a folder that holds no run', ['train', '--resume', at('nothing')], /holds no run/],
    [
      'a folder that holds a run already',
      ['train', 'names-mlp', '--out', mlp],
      /already holds a run: continue it with --resume/,
    ],
    ['a worker for no coordinator', ['worker', 'http://127.0.0.1:1'], /is no address of a coordinator/],
    ['nothing to sample from', ['sample', at('nothing')], /nothing/],
    ['a prompt with an unknown character', ['sample', mlp, '--prompt', 'josé'], /"é" \(U\+00E9\), which is not among/],
    [
      'a temperature below zero',
      ['sample', mlp, '--temperature=-1'],
      /--temperature must be 0, .* or above; it was given -1: try 0\.8/,
    ],
    ['a top-k of none', ['sample', mlp, '--top-k', '0'], /--top-k must be a whole number of at least 1; .* given 0/],
    ['a top-p of nothing', ['sample', mlp, '--top-p', '0'], /--top-p must be above 0 and at most 1; .* given 0: try/],
    ['a top-p in percent', ['sample', mlp, '--top-p', '90'], /--top-p must be above 0 and at most 1; .* given 90: try/],
  ])('%s', async (_, args, what) => complains(args, what));

  test('an empty data file', async () => {
    writeFileSync(at('empty.txt'), '');
    await complains(['train', 'names-mlp', '--data', at('empty.txt')], /empty\.txt is empty/);
  });

  test('a name with a character outside the vocabulary', async () => {
    const vocab = ['--set', 'data.vocab=abcdefghijklmnopqrstuvwxyz'];
    await complains(
      ['train', 'names-mlp', '--data', at('lines.txt'), ...vocab],
      /line 3, "Carl", has the character "C"/,
    );
  });

  test('other data than the run was started with', async () => {
    await complains(
      ['train', '--resume', mlp, '--data', at('lines.txt')],
      /the character "C"|not the data that the run/,
    );
  });

  test('a rate at which training diverges: said so, and no checkpoint of it', async () => {
    const out = at('diverged');
    const rate = ['--set', 'schedule.lr=1e20', '--steps', '50', '--checkpoint-every', '1'];
    await refused(
      ['train', 'names-mlp', '--out', out, '--threads', '1', '--quiet', ...rate],
      /training diverged at step \d+ .*lower the rate/,
    );
    const again = new Cli(['sample', out, '--count', '1']);
    expect((await again.exited).code).toBe(existsSync(join(out, 'checkpoint-1.safetensors')) ? 0 : 1);
  });

  test('fewer steps than have been made', async () => {
    await complains(['train', '--resume', mlp, '--steps', '2'], /has made 3 steps already, more than --steps 2/);
  });

  test('a folder that another process is training in', async () => {
    const out = at('locked');
    const run = new Cli(['train', 'names-mlp', '--out', out, '--threads', '1', '--json']);
    await run.step(2);
    await refused(['train', '--resume', out], /process \d+ is already training in /);
  });

  test('a port in use', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await refused(
      ['train', 'names-mlp', '--out', at('port'), '--listen', `127.0.0.1:${port}`, '--token', 't', ...short],
      /port \d+ is in use: choose another/,
    );
    holder.close();
    // The folder is free for the corrected command.
    const again = new Cli(['train', 'names-mlp', '--out', at('port'), ...short]);
    expect(await again.exited, again.stderr).toEqual({ code: 0, signal: null });
  });

  test('a checkpoint cut in half, and one with a flipped bit', async () => {
    const file = join(wavenet, 'checkpoint-3.safetensors');
    const whole = readFileSync(file);
    truncateSync(file, whole.length / 2);
    await refused(
      ['train', '--resume', wavenet, '--steps', '5'],
      /has no whole checkpoint .*checkpoint-3\.safetensors is cut short/,
    );
    await refused(['sample', file], /checkpoint-3\.safetensors is cut short/);
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 1000] = (flipped.at(-1000) ?? 0) ^ 1;
    writeFileSync(file, flipped);
    await refused(['train', '--resume', wavenet, '--steps', '5'], /has no whole checkpoint/);
    // Nothing was lost: put the file right, and the run goes on.
    writeFileSync(file, whole);
    const again = new Cli(['train', '--resume', wavenet, '--steps', '5', '--threads', '1', '--quiet']);
    expect(await again.exited, again.stderr).toEqual({ code: 0, signal: null });
    expect(existsSync(join(wavenet, 'checkpoint-5.safetensors'))).toBe(true);
  });

  test('a damaged newest checkpoint beside a whole one: the whole one is used, with a word about it', async () => {
    const out = at('spare');
    const run = new Cli(['train', 'names-mlp', '--out', out, ...short.with(1, '6'), '--checkpoint-every', '2']);
    expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
    truncateSync(join(out, 'checkpoint-6.safetensors'), 5000);
    // One that falls due while another is written may have been left out.
    const whole = existsSync(join(out, 'checkpoint-4.safetensors')) ? 4 : 2;
    const again = new Cli(['train', '--resume', out, '--threads', '1', '--samples', '0']);
    expect(await again.exited, again.stderr).toEqual({ code: 0, signal: null });
    expect(again.stdout).toMatch(/Passed over a damaged checkpoint: .*checkpoint-6/);
    expect(again.stdout).toMatch(new RegExp(`from step ${whole}\\.`));
  });

  test('a checkpoint of another model', async () => {
    const other = at('mixed');
    const run = new Cli(['train', 'names-mlp', '--out', other, ...short]);
    expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
    for (const name of readdirSync(wavenet).filter((n) => n.startsWith('checkpoint-')))
      copyFileSync(join(wavenet, name), join(other, name));
    await refused(['train', '--resume', other, '--steps', '9'], /is a checkpoint of another model or recipe/);
  });
});

describe('a worker that is not let in', () => {
  async function coordinator(): Promise<{ run: Cli; url: string }> {
    const out = at(`door-${Math.random()}`);
    const door = ['--listen', '127.0.0.1:0', '--token', 'right', '--threads', '0', '--json'];
    const run = new Cli(['train', 'names-mlp', '--out', out, ...door]);
    return { run, url: String((await run.until((e) => e.event === 'listening')).url) };
  }

  test('a token that does not match', async () => {
    const { run, url } = await coordinator();
    await refused(
      ['worker', url, '--token', 'wrong', '--threads', '1'],
      /turned this worker away: the token does not match/,
    );
    expect(run.process.exitCode).toBe(null);
  });

  test('another protocol version, told to the worker in words', async () => {
    const { run, url } = await coordinator();
    const socket = new WebSocket(url, 'manygrad.v2');
    const [code, reason] = await new Promise<[number, string]>((resolve) =>
      socket.on('close', (c, r) => resolve([c, r.toString()])),
    );
    expect(code).toBe(4001);
    expect(reason).toMatch(/the worker speaks manygrad\.v2, the coordinator manygrad\.v1/);
    expect(run.process.exitCode).toBe(null);
  });

  test('a coordinator of another protocol version', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'manygrad.v1' });
    await new Promise((resolve) => server.on('listening', resolve));
    server.on('connection', (socket) =>
      socket.close(4001, 'the worker speaks manygrad.v1, the coordinator manygrad.v2'),
    );
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await refused(
      ['worker', `ws://127.0.0.1:${port}`, '--threads', '1'],
      /turned this worker away: the worker speaks manygrad\.v1/,
    );
    server.close();
  });
});
