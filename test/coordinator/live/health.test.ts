/** When a run is called stuck, by a clock of the test's own, and how that is told over HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveProbe } from '../../../coordinator/door/probes.ts';
import { HealthWatch } from '../../../coordinator/live/health.ts';
import type { WorkerChange } from '../../../coordinator/observer.ts';
import type { Clock } from '../../../core/clock.ts';

let now: number;
let watch: HealthWatch;
let step: number;

const clock: Clock = { now: () => now, after: () => () => {}, every: () => () => {} };
const block = { lo: 0, size: 1 };

beforeEach(() => {
  [now, step] = [0, 0];
  watch = new HealthWatch(0, clock);
});

const join = (trusted = false) => watch.onWorker({ joined: true, port: { trusted } } as WorkerChange);

/** Steps of so many seconds, each ended by an answer. */
function train(steps: number, seconds: number): void {
  for (let i = 0; i < steps; i++) {
    now += seconds * 1000;
    watch.onResult(1, step, block, true);
    watch.onStep({
      step: ++step,
      loss: 1,
      lr: 1,
      gradNorm: 1,
      count: 1,
      workers: 1,
      threads: 1,
      seconds,
      tokensPerSecond: 1,
    });
  }
}

test('with workers at work and no answer for ten steps, and two minutes, it is stuck; an answer mends that', () => {
  join();
  watch.onPhase('training');
  train(20, 30);
  expect(watch.health).toEqual({ status: 'ok', phase: 'training', step: 20, secondsSinceStep: 0, workers: 1 });
  now += 299_000;
  expect(watch.health.status).toBe('ok');
  // Answers that come second, or to nothing, are no progress.
  watch.onResult(1, 0, block, false);
  now += 2000;
  expect(watch.health).toMatchObject({ status: 'stuck', secondsSinceStep: 301 });
  watch.onResult(1, 20, block, true);
  expect(watch.health).toMatchObject({ status: 'ok', secondsSinceStep: 301 });
});

test('quick steps give it two minutes all the same, and one slow step among them changes nothing', () => {
  join();
  watch.onPhase('training');
  train(10, 0.001);
  train(1, 3600);
  train(4, 0.001);
  now += 119_000;
  expect(watch.health.status).toBe('ok');
  now += 2000;
  expect(watch.health.status).toBe('stuck');
});

test('before its first step it is given a quarter of an hour', () => {
  join();
  watch.onPhase('training');
  now += 899_000;
  expect(watch.health).toMatchObject({ status: 'ok', secondsSinceStep: null });
  now += 2000;
  expect(watch.health.status).toBe('stuck');
});

test.each(['waiting', 'paused', 'finished', 'stopped'] as const)(
  '%s by intent, it is well for as long as it likes',
  (phase) => {
    watch.onPhase('training');
    train(5, 1);
    watch.onPhase(phase);
    now += 1e9;
    expect(watch.health.status).toBe('ok');
    // What it did not do meanwhile is not held against it.
    watch.onPhase('training');
    expect(watch.health.status).toBe('ok');
  },
);

test('one that waits for room on its disk says so; it is no worse for that', () => {
  watch.onPhase('training');
  watch.onDisk('there is no room');
  watch.onPhase('paused');
  now += 1e9;
  expect(watch.health.status).toBe('disk');
  watch.onDisk(null);
  expect(watch.health.status).toBe('ok');
});

test('one whose results nobody may check waits for somebody who may, for as long as it likes', () => {
  join();
  watch.onPhase('training');
  train(5, 1);
  watch.onUnverifiable();
  now += 1e9;
  expect(watch.health.status).toBe('unverifiable');
  // Nobody is at work at all: it waits for workers.
  watch.onPhase('waiting');
  expect(watch.health.status).toBe('ok');
  watch.onPhase('training');
  now += 1e9;
  expect(watch.health.status).toBe('unverifiable');
  join(true);
  expect(watch.health.status).toBe('ok');
  // Whoever came is given as long as anybody.
  now += 119_000;
  expect(watch.health.status).toBe('ok');
  now += 2000;
  expect(watch.health.status).toBe('stuck');
});

test.each<[string, () => void]>([
  ['a check', () => watch.onChecked()],
  ['a step', () => train(1, 1)],
  ['going back', () => watch.onRollback(5, 3)],
])('%s shows that its results are checked again', (_, happens) => {
  join();
  watch.onPhase('training');
  train(5, 1);
  watch.onUnverifiable();
  happens();
  expect(watch.health.status).toBe('ok');
});

test('one that failed says so', () => {
  watch.onPhase('stopped');
  watch.onFailure();
  expect(watch.health.status).toBe('failed');
});

const open: { close(): void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

test('over HTTP, well is 200 and anything else 503, for anybody; and nothing but GET is answered', async () => {
  const probes = { health: () => watch.health, metrics: async () => '', key: 'k' };
  const server = createServer((request, response) => {
    if (!serveProbe(probes, request, response)) response.writeHead(404).end();
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, init);
    return { status: answer.status, text: await answer.text() };
  };
  join();
  watch.onPhase('training');
  train(3, 1);
  const proxied = { headers: { 'x-forwarded-for': '192.0.2.7' } };
  const well = await ask('/healthz', proxied);
  expect(well.status).toBe(200);
  expect(JSON.parse(well.text)).toEqual({ status: 'ok', phase: 'training', step: 3, secondsSinceStep: 0, workers: 1 });
  now += 121_000;
  const ill = await ask('/healthz?verbose', proxied);
  expect(ill.status).toBe(503);
  expect(JSON.parse(ill.text)).toMatchObject({ status: 'stuck', secondsSinceStep: 121 });
  watch.onUnverifiable();
  expect(await ask('/healthz')).toMatchObject({ status: 200, text: expect.stringMatching(/"status":"unverifiable"/) });
  watch.onPhase('paused');
  watch.onDisk('there is no room');
  expect(await ask('/healthz')).toMatchObject({ status: 200, text: expect.stringMatching(/"status":"disk"/) });
  expect((await ask('/healthz', { method: 'POST' })).status).toBe(405);
  expect((await ask('/healthz/x')).status).toBe(404);
  expect((await ask('/metrics', proxied)).status).toBe(401);
  expect((await ask('/metrics', { headers: { ...proxied.headers, authorization: 'Bearer k' } })).status).toBe(200);
});
