/** `--log`: what a coordinator and a worker write down, that every line is one, and what is never in it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, expect, test } from 'vitest';
import { RunLog } from '../../coordinator/live/runLog.ts';
import { Cli, endAll, refused, scratch } from '../support/cli.ts';
import { type LogEntry, logHas, readLog } from '../support/log.ts';

const { dir, remove } = scratch();
afterEach(endAll);
afterAll(remove);

const SECRETS = { token: 'tok-5ecret', key: 'key-5ecret', wrong: 'wrong-5ecret' };
const quick = ['--json', '--samples', '0', '--set', 'batch=64', '--set', 'microBatch=32'];
const events = (file: string) => readLog(file).map((e) => e.event);

test('a run with a worker, a stranger and a checkpoint: every event once, in order, and no secret', async () => {
  const out = join(dir, 'run');
  const log = join(dir, 'run.log');
  const workerLog = join(dir, 'worker.log');
  const run = new Cli([
    ...[
      'train',
      'names-mlp',
      '--out',
      out,
      ...quick,
      '--steps',
      '20',
      '--checkpoint-every',
      '10',
      '--eval-every',
      '10',
    ],
    ...['--threads', '0', '--listen', '127.0.0.1:0', '--token', SECRETS.token, '--key', SECRETS.key, '--log', log],
  ]);
  const { url } = await run.until((e) => e.event === 'listening');
  const stranger = new Cli(['worker', String(url), '--token', SECRETS.wrong, '--log', join(dir, 'stranger.log')]);
  await stranger.exited;
  const worker = new Cli([
    ...['worker', String(url), '--token', SECRETS.token, '--threads', '1', '--name', 'helper', '--log', workerLog],
  ]);
  expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
  expect(await worker.exited, worker.stderr).toEqual({ code: 0, signal: null });

  const lines = readLog(log);
  for (const { level, time, event } of lines) {
    expect(['info', 'warn']).toContain(level);
    expect(new Date(time).toISOString()).toBe(time);
    expect(event).toBeTypeOf('string');
  }
  // Checkpoints are written while training goes on: they come when they are done.
  expect(lines.map((e) => e.event).filter((e) => e !== 'checkpoint')).toEqual([
    ...['start', 'listening', 'refused', 'joined'],
    ...['evaluation', 'evaluation', 'evaluation', 'phase', 'left', 'end'],
  ]);
  const find = (event: string) => lines.filter((e) => e.event === event);
  expect(find('checkpoint').map((e) => e.step)).toEqual([10, 20]);
  expect(find('refused')).toMatchObject([{ level: 'warn', why: 'token', address: '127.0.0.1' }]);
  expect(find('joined')).toMatchObject([{ worker: 'helper#1', kind: 'remote', slots: 1, token: null, trusted: false }]);
  expect(find('left')).toMatchObject([{ worker: 'helper#1', reason: 'the run has finished', step: 20 }]);
  expect(find('end')).toMatchObject([{ complete: true, steps: 20 }]);
  expect(events(workerLog)).toEqual(['start', 'joined', 'finished']);
  expect(readLog(join(dir, 'stranger.log')).at(-1)).toMatchObject({ level: 'fatal', event: 'failed' });
  for (const file of [log, workerLog, join(dir, 'stranger.log')])
    for (const secret of Object.values(SECRETS)) expect(readFileSync(file, 'utf8')).not.toContain(secret);

  // A run that goes on adds to its log, and says from where.
  const resumed = new Cli([
    'train',
    '--resume',
    out,
    ...quick.slice(0, 3),
    '--steps',
    '21',
    '--threads',
    '1',
    '--log',
    log,
  ]);
  expect(await resumed.exited, resumed.stderr).toEqual({ code: 0, signal: null });
  expect(readLog(log).slice(lines.length)[0]).toMatchObject({ event: 'resume', step: 20, steps: 21 });
}, 90_000);

test('steps are told at debug, to stderr if asked; a failure that ends the run is the last line', async () => {
  const rate = ['--set', 'schedule.lr=1e38'];
  const run = new Cli([
    ...['train', 'names-mlp', '--out', join(dir, 'diverged'), ...quick, '--steps', '1000', '--threads', '1', ...rate],
    ...['--log', '-', '--log-level', 'debug'],
  ]);
  expect(await run.exited).toEqual({ code: 1, signal: null });
  const lines = run.stderr.split('\n').filter((line) => line.startsWith('{'));
  const logged = lines.map((line) => JSON.parse(line) as LogEntry);
  expect(logged.find((e) => e.event === 'step')).toMatchObject({ level: 'debug', step: 1 });
  expect(logged.at(-1)).toMatchObject({ level: 'fatal', event: 'failed' });
  expect(logged.at(-1)?.error).toMatch(/diverged at step/);
}, 60_000);

test('killed in the middle, a log is whole', async () => {
  const log = join(dir, 'killed.log');
  const run = new Cli([
    ...['train', 'names-mlp', '--out', join(dir, 'killed'), ...quick, '--steps', '1000000', '--threads', '1'],
    ...['--eval-every', '0', '--checkpoint-every', '0', '--log', log, '--log-level', 'debug'],
  ]);
  const { step } = await run.step(50);
  run.kill('SIGKILL');
  await run.exited;
  // What was printed before had been logged.
  const steps = readLog(log).filter((e) => e.event === 'step');
  expect(steps.length).toBeGreaterThanOrEqual(Number(step) - 1);
  expect(steps.map((e) => e.step)).toEqual(steps.map((_, i) => i + 1));
}, 60_000);

test('a worker that has lost its coordinator says so, and that it was told to stop', async () => {
  const log = join(dir, 'alone.log');
  const worker = new Cli(['worker', 'ws://user:pa55word@127.0.0.1:1', '--token', SECRETS.token, '--log', log]);
  expect(await logHas(log, (e) => e.event === 'waiting')).toMatchObject({ level: 'warn' });
  worker.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 143, signal: null });
  const said = events(log).filter((event) => event !== 'waiting');
  expect(said).toEqual(['start', 'stopping', 'left']);
  expect(readFileSync(log, 'utf8')).not.toMatch(/pa55word|5ecret/);
}, 60_000);

test('a file that cannot be written is said in one sentence, before anything is made', async () => {
  writeFileSync(join(dir, 'file'), '');
  const out = join(dir, 'nothing');
  await refused(
    ['train', 'names-mlp', '--out', out, '--log', join(dir, 'file', 'x.log')],
    /x\.log cannot be written \(ENOTDIR\): choose another file with --log/,
  );
  expect(existsSync(out)).toBe(false);
}, 30_000);

test('of strangers by the thousand, only some are told, and how many others there were', () => {
  const lines: LogEntry[] = [];
  const logger = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line) as LogEntry) });
  let now = 0;
  const log = new RunLog(logger, 0, () => now);
  for (let i = 0; i < 1000; i++) log.onRefusal({ why: 'token', address: '192.0.2.7', name: 'x' });
  expect(lines.length).toBe(10);
  now = 1000;
  log.onRefusal({ why: 'crowd', address: '192.0.2.7', name: '' });
  expect(lines.slice(10)).toMatchObject([{ event: 'refused', why: 'crowd', others: 990 }]);
});
