/** /metrics and /healthz of a real run: that the numbers are those of its files, and who may see them. */
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { LedgerLine } from '../../coordinator/runFolder.ts';
import { latestCheckpoint } from '../../core/checkpoint/store.ts';
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';
import { stall } from '../support/attackers.ts';
import { Cli, endAll, readJsonLines, readSummary, scratch } from '../support/cli.ts';
import { logHas, readLog } from '../support/log.ts';
import { get, samples } from '../support/scrape.ts';

const { dir, remove } = scratch();
afterAll(async () => {
  await endAll();
  remove();
});

test('scraped while it trains and when its worker has gone, a run’s numbers are those of its files', async () => {
  const out = join(dir, 'run');
  const log = `${out}.log`;
  const run = new Cli([
    ...['train', 'names-mlp', '--json', '--out', out, '--steps', '10000000', '--set', 'batch=128', '--threads', '0'],
    ...['--eval-every', '10', '--checkpoint-every', '10', '--log', log],
    ...['--listen', '127.0.0.1:0', '--token', 't', '--key', 'the key'],
  ]);
  const { url, port } = await run.until((e) => e.event === 'listening');
  const scrape = async () => samples((await get(Number(port), '/metrics')).text);
  expect(JSON.parse((await get(Number(port), '/healthz')).text)).toMatchObject({ phase: 'waiting', workers: 0 });

  const worker = new Cli([
    'worker',
    String(url),
    '--token',
    't',
    '--threads',
    '1',
    '--name',
    'helper',
    '--grace',
    '300',
  ]);
  await run.step(25);
  const during = await scrape();
  expect(during.get('manygrad_step')).toBeGreaterThanOrEqual(25);
  expect(during.get('manygrad_workers{kind="remote"}')).toBe(1);
  expect(during.get('manygrad_worker_threads{kind="remote"}')).toBe(1);
  expect(during.get('manygrad_leases_outstanding')).toBeLessThanOrEqual(1);
  const well = await get(Number(port), '/healthz');
  expect(well.status).toBe(200);
  expect(JSON.parse(well.text)).toMatchObject({ status: 'ok', workers: 1 });

  // Once it has gone, nothing changes any more.
  worker.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 143, signal: null });
  await logHas(log, (e) => e.event === 'phase' && e.phase === 'waiting');
  const due = 10 * Math.floor(((await scrape()).get('manygrad_step') ?? 0) / 10);
  await logHas(log, (e) => e.event === 'checkpoint' && e.step === due);
  const stranger = new WebSocket(String(url), 'manygrad.v0');
  await new Promise((resolve) => stranger.on('close', resolve));
  const malformed = new WebSocket(String(url), SUBPROTOCOL);
  malformed.on('open', () => malformed.send('a text'));
  await new Promise((resolve) => malformed.on('close', resolve));
  const text = (await get(Number(port), '/metrics')).text;
  const after = samples(text);
  // One that falls due while another is written takes the place of those before it: the log knows how many were.
  const checkpoints = readLog(log).filter(({ event }) => event === 'checkpoint').length;
  const value = (name: string) => after.get(`manygrad_${name}`);

  const ledger = readJsonLines<LedgerLine>(join(out, 'ledger.jsonl'));
  run.kill('SIGINT');
  expect(await run.exited).toEqual({ code: 130, signal: null });
  const lines = readJsonLines<{ step: number; loss?: number; lr?: number; gradNorm?: number; valLoss?: number }>(
    join(out, 'log.jsonl'),
  );
  const last = lines.findLast((l) => l.loss !== undefined);
  const summary = readSummary(out) as ReturnType<typeof readSummary> & Record<string, number>;
  expect(ledger.length).toBeLessThanOrEqual(summary.steps ?? 0);
  const whole = readJsonLines<LedgerLine>(join(out, 'ledger.jsonl'));
  expect(value('step')).toBe(summary.steps);
  expect(value('steps_total')).toBe(summary.steps);
  expect(value('goal_steps')).toBe(10_000_000);
  expect(value('tokens_total')).toBe(128 * whole.length);
  expect(value('loss')).toBe(last?.loss);
  expect(value('learning_rate')).toBe(last?.lr);
  expect(value('gradient_norm')).toBe(last?.gradNorm);
  expect(value('evaluation_loss{split="val"}')).toBe(lines.findLast((l) => l.valLoss !== undefined)?.valLoss);
  const blocks = whole.reduce((sum, l) => sum + l.blocks.length, 0);
  const evaluations = (value('results_total{outcome="accepted"}') ?? 0) - blocks;
  expect(evaluations).toBeGreaterThan(0);
  expect(value('results_total{outcome="late"}')).toBe(0);
  expect(value('leases_total')).toBe(value('results_total{outcome="accepted"}'));
  expect(value('leases_outstanding')).toBe(0);
  expect(value('step_duration_seconds_count')).toBe(summary.steps);
  expect(value('step_duration_seconds_bucket{le="+Inf"}')).toBe(summary.steps);
  expect(value('workers{kind="remote"}')).toBe(0);
  expect(value('worker_joins_total{kind="remote"}')).toBe(1);
  expect(value('worker_leaves_total{kind="remote"}')).toBe(1);
  expect(value('refusals_total{reason="protocol"}')).toBe(1);
  expect(value('refusals_total{reason="malformed"}')).toBe(1);
  expect(value('phase{phase="waiting"}')).toBe(1);
  expect(value('checkpoints_total')).toBe(checkpoints);
  expect(value('checkpoint_step')).toBe(due);
  expect((await latestCheckpoint(out)).step).toBe(summary.steps);
  for (const direction of ['sent', 'received'] as const) {
    const now = value(`network_bytes_total{direction="${direction}"}`) ?? 0;
    const end = summary[direction === 'sent' ? 'bytesSent' : 'bytesReceived'] ?? 0;
    // The scrape's own answer is all that came after.
    expect(now).toBeGreaterThan(10_000);
    expect(end - now).toBeGreaterThanOrEqual(0);
    expect(end - now).toBeLessThan(text.length + 10_000);
  }
  expect(after.get('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(after.get('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
}, 120_000);

test('a lease that is held is counted as such; an expulsion with its cause; and the numbers are for the operator alone', async () => {
  const run = new Cli([
    ...['train', 'names-mlp', '--json', '--out', join(dir, 'held'), '--threads', '0', '--eval-every', '0'],
    ...['--listen', '127.0.0.1:0', '--token', 't', '--key', 'the key'],
  ]);
  const { url, port } = await run.until((e) => e.event === 'listening');
  const ask = (headers: Record<string, string>) => get(Number(port), '/metrics', { headers });
  const proxied = { 'x-forwarded-for': '203.0.113.9' };
  expect((await ask({})).status).toBe(200);
  for (const headers of [proxied, { host: 'rebound.example' }, { ...proxied, authorization: 'Bearer t' }])
    expect(await ask(headers)).toMatchObject({ status: 401, text: expect.stringMatching(/operator's key/) });
  const keyed = await ask({ ...proxied, authorization: 'Bearer the%20key' });
  expect(keyed.status).toBe(200);

  const { socket, closed } = await stall(String(url));
  expect(samples((await ask({})).text).get('manygrad_leases_outstanding')).toBe(1);
  socket.send('a text');
  await closed;
  const text = (await ask({})).text;
  const after = samples(text);
  expect(after.get('manygrad_leases_outstanding')).toBe(0);
  expect(after.get('manygrad_expulsions_total{cause="malformed"}')).toBe(1);
  expect(after.get('manygrad_results_total{outcome="accepted"}')).toBe(0);
  expect(text).not.toMatch(/the key|"t"/);
  // Every name is one that Prometheus takes, once.
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z_][a-z0-9_]*$/);
  expect(text).toMatch(/^# TYPE manygrad_step_duration_seconds histogram$/m);
}, 60_000);
