/**
 * The operator's page over a real socket, beside a real run with threads of its own: what it is told, what it may ask for,
 * and that nothing it asks changes a bit of what is trained.
 */
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { loadData } from '../../../coordinator/data.ts';
import { type Live, openLive } from '../../../coordinator/live/live.ts';
import { PLAIN } from '../../../coordinator/options.ts';
import { type PreparedRun, prepareNewRun, prepareResumedRun, type RunPlace } from '../../../coordinator/prepare.ts';
import { type RunEnd, TrainingRun } from '../../../coordinator/run.ts';
import { systemClock } from '../../../core/clock.ts';
import { LiveCloseCode, type LiveState } from '../../../core/protocol/live.ts';
import type { CloseCause, WorkerPort } from '../../../core/protocol/work.ts';
import { parseRecipe } from '../../../models/recipe.ts';
import { SimDisk } from '../../../simulation/simDisk.ts';
import { startLocalWorker } from '../../../worker/local.ts';
import { scratch } from '../../support/cli.ts';
import { LivePage } from '../../support/livePage.ts';

const STEPS = 150;
const KEY = 'open sesame';
const place = scratch();
const words = join(place.dir, 'words.txt');
let undisturbed: RunEnd;

/** A network that is trained in a moment, batch norm included. */
const recipe = parseRecipe(
  {
    model: { name: 'mlp', blockSize: 2, embeddingDim: 4, hidden: 16 },
    data: { source: words },
    seed: 7,
    steps: STEPS,
    batch: 24,
    microBatch: 8,
    optimizer: { name: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
    schedule: { name: 'constant', lr: 0.05 },
    clipGradNorm: null,
  },
  'the recipe',
);

/** Holds back what is sent to a worker, from a step on, until it is let through. */
class Gate {
  closed = false;
  #held: (() => void)[] = [];

  pass(send: () => void): void {
    if (this.closed) this.#held.push(send);
    else send();
  }

  open(): void {
    this.closed = false;
    const held = this.#held;
    this.#held = [];
    for (const send of held) send();
  }
}

interface Scene {
  readonly run: TrainingRun;
  readonly trainer: PreparedRun['trainer'];
  readonly live: Live;
  readonly port: number;
  readonly dir: string;
  readonly gate: Gate;
  /** Steps made so far. */
  readonly made: { step: number };
  /** Whether pages need a key. */
  exempt: boolean;
  close(): Promise<void>;
}

const scenes: Scene[] = [];
let runs = 0;

/** A run with one local thread behind a gate, which closes after a step; not started. On this machine's disk, or another. */
async function stage(holdAfter = -1, resume?: string, on?: RunPlace): Promise<Scene> {
  const options = () => ({ ...PLAIN, keepCheckpoints: 9, evalEvery: 100 });
  const dir = resume ?? join(place.dir, `run${runs++}`);
  const prepared = await (resume === undefined
    ? prepareNewRun(recipe, dir, options, on)
    : prepareResumedRun(dir, {}, options));
  const gate = new Gate();
  const made = { step: prepared.trainer.step };
  const run = new TrainingRun(prepared, {
    onStep: ({ step }) => {
      made.step = step;
      if (step === holdAfter) gate.closed = true;
    },
  });
  const live = await openLive(run, prepared, { by: 'a test', key: KEY });
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => live.accept(socket, scene.exempt));
  const connection = run.connect();
  const local = await startLocalWorker(prepared.spec, 1, connection.events);
  const gated: WorkerPort = {
    ...local,
    sendState: ({ version, params, buffers }) => {
      const state = { version, params: params.slice(), buffers: buffers.slice() };
      gate.pass(() => local.sendState(state));
    },
    sendWork: (work) => gate.pass(() => local.sendWork(work)),
  };
  connection.join(gated);
  const scene: Scene = {
    run,
    trainer: prepared.trainer,
    live,
    port: (server.address() as AddressInfo).port,
    dir,
    gate,
    made,
    exempt: false,
    close: async () => {
      await live.close();
      local.close('', 'goingAway');
      await local.closed;
      server.close();
      await prepared.folder.close();
    },
  };
  scenes.push(scene);
  return scene;
}

beforeAll(async () => {
  const letters = 'abcdefgh';
  const word = (i: number) => [i, i * 3, i * 5 + 1].map((k) => letters[k % letters.length]).join('');
  writeFileSync(words, Array.from({ length: 60 }, (_, i) => word(i)).join('\n'));
  const scene = await stage();
  scene.run.start();
  undisturbed = await scene.run.ended;
});

afterEach(async () => {
  await Promise.all(scenes.splice(0).map((scene) => scene.close()));
});

afterAll(() => place.remove());

const phase = (is: LiveState['status']['phase']) => (state: LiveState | null) => state?.status.phase === is;

describe('a page', () => {
  test('is told what is trained and how it goes, to the end', async () => {
    const { run, live, port } = await stage();
    const page = await LivePage.open(port, KEY);
    expect(page.info).toEqual(live.info);
    expect(page.info).toMatchObject({
      model: 'mlp',
      by: 'a test',
      steps: STEPS,
      batch: 24,
      microBatches: 3,
      unit: 'examples',
    });
    expect(page.state?.status).toMatchObject({ phase: 'waiting', step: 0, loss: null });
    run.start();
    const end = await run.ended;
    await live.close();
    expect(await page.closed).toBe(1001);
    const { status, course, evaluations, workers, notices } = page.state as LiveState;
    expect(status).toMatchObject({ phase: 'finished', step: STEPS, checkpoint: STEPS });
    expect(course.course.step).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    expect(evaluations.map((e) => [e.step, e.split])).toEqual([
      [100, 'val'],
      [STEPS, 'train'],
      [STEPS, 'val'],
    ]);
    expect(evaluations.at(-1)?.loss).toBe(end.valLoss);
    expect(workers).toMatchObject([{ kind: 'threads', microBatches: 3 * STEPS, share: 1 }]);
    expect(notices.map((n) => n.text)).toContain('finished');
    expect(end.paramsSha256).toBe(undisturbed.paramsSha256);
  });

  test('with a wrong key is refused and told nothing; where none is needed it opens without', async () => {
    const scene = await stage();
    for (const key of ['', 'open', `${KEY}!`]) {
      const page = new LivePage(scene.port);
      await once(page.socket, 'open');
      page.socket.send(JSON.stringify({ kind: 'open', key }));
      expect(await page.closed).toBe(LiveCloseCode.refused);
      expect(page.info).toBeNull();
    }
    scene.exempt = true;
    expect((await LivePage.open(scene.port, '')).state?.status.step).toBe(0);
  });

  test.each<[string, (socket: WebSocket) => void]>([
    ['no JSON', (socket) => socket.send('{')],
    ['no message', (socket) => socket.send('null')],
    ['another kind', (socket) => socket.send('{"kind":"shutdown","id":1}')],
    ['more than is asked', (socket) => socket.send('{"kind":"stop","id":1,"now":true}')],
    ['bytes', (socket) => socket.send(Buffer.from('{"kind":"stop","id":1}'))],
    ['open again', (socket) => socket.send(JSON.stringify({ kind: 'open', key: KEY }))],
    [
      'a flood',
      (socket) => {
        for (let id = 1; id <= 200; id++) socket.send(JSON.stringify({ kind: 'resume', id }));
      },
    ],
  ])('that sends garbage is closed, and nobody else: %s', async (_, send) => {
    const { port } = await stage();
    const [good, bad] = [await LivePage.open(port, KEY), await LivePage.open(port, KEY)];
    send(bad.socket);
    expect(await bad.closed).toBe(LiveCloseCode.misbehaved);
    expect(await good.ask({ kind: 'pause' })).toMatchObject({ error: null });
  });

  test('that asks before it has opened is closed', async () => {
    const { port, run } = await stage();
    const page = new LivePage(port);
    await once(page.socket, 'open');
    page.socket.send('{"kind":"pause","id":1}');
    expect(await page.closed).toBe(LiveCloseCode.misbehaved);
    expect(run.phase).toBe('waiting');
  });
});

test('a sample is not shown if the run has gone back while it was drawn', async () => {
  const { run, trainer, live, port } = await stage(1);
  const page = await LivePage.open(port, KEY);
  // As a run does that goes back; by now the sample is being drawn.
  run.observe({ onStep: () => trainer.restart() });
  run.start();
  await page.until((s) => s?.status.step === 1);
  // Samples are drawn one after the other: when this one has been, so has that.
  expect(await page.ask({ kind: 'sample', prompt: '', temperature: 1, length: 5 })).toMatchObject({ error: null });
  expect(live.news(1).sample).toBeNull();
});

describe('an operator', () => {
  test('pauses, saves, samples and resumes, and the run ends with the same bits', async () => {
    const { run, port, gate, made, dir } = await stage(50);
    const page = await LivePage.open(port, KEY);
    run.start();
    await page.until((s) => s?.status.step === 50);
    expect(await page.ask({ kind: 'pause' })).toMatchObject({ error: null, text: null });
    expect(await page.ask({ kind: 'pause' })).toMatchObject({ error: null });
    // The lease under way is answered and counts; then nothing more is handed out.
    gate.open();
    await page.until((s) => s?.status.step === 51 && phase('paused')(s));
    expect(existsSync(join(dir, 'checkpoint-51.safetensors'))).toBe(false);
    expect(await page.ask({ kind: 'checkpoint' })).toMatchObject({ error: null });
    expect(existsSync(join(dir, 'checkpoint-51.safetensors'))).toBe(true);
    const sampled = await page.ask({ kind: 'sample', prompt: 'ab', temperature: 0.8, length: 20 });
    expect(sampled.error).toBeNull();
    expect(sampled.text).toMatch(/^ab[a-h]{0,20}$/);
    const refused = await page.ask({ kind: 'sample', prompt: 'aXb', temperature: 1, length: 5 });
    expect(refused).toMatchObject({ error: expect.stringContaining('"X" (U+0058)'), text: null });
    expect(made.step).toBe(51);
    expect(page.state?.workers[0]?.state).toBe('idle');

    // Another page sees the same as the one that has followed.
    const other = await LivePage.open(port, KEY);
    await page.until(
      (s) => s?.samples.length === 1 && s.status.checkpoint === 51 && s.notices.length === other.state?.notices.length,
    );
    for (const part of ['course', 'evaluations', 'samples', 'notices'] as const)
      expect(page.state?.[part], part).toEqual(other.state?.[part]);
    expect(other.state?.course.course.step.length).toBe(51);
    expect(other.state?.notices.map((n) => n.text)).toEqual([
      'local joined, with 1 thread',
      'paused',
      'checkpoint of step 51 written',
    ]);

    expect(await other.ask({ kind: 'resume' })).toMatchObject({ error: null });
    const end = await run.ended;
    expect(end.paramsSha256).toBe(undisturbed.paramsSha256);
    expect(end.buffersSha256).toBe(undisturbed.buffersSha256);
    await page.until(phase('finished'));
    expect(await page.ask({ kind: 'pause' })).toMatchObject({ error: 'the run has ended' });
  });

  test('sends a worker away: it is closed for good, and its leases go to others', async () => {
    const { run, port, gate } = await stage(-1);
    gate.closed = true;
    const closed: [string, CloseCause][] = [];
    const connection = run.connect();
    const page = await LivePage.open(port, KEY);
    const given: number[] = [];
    connection.join({
      kind: 'remote',
      name: 'stalled',
      identity: null,
      trusted: false,
      slots: 1,
      sendState: () => undefined,
      sendWork: ({ lo }) => given.push(lo),
      close: (reason, cause) => closed.push([reason, cause]),
    });
    run.start();
    expect(given.length).toBe(1);
    await page.until((s) => s?.workers.length === 2);
    const [local, stalled] = page.state?.workers ?? [];
    expect(await page.ask({ kind: 'kick', worker: 99 })).toMatchObject({ error: expect.stringContaining('no such') });
    expect(await page.ask({ kind: 'kick', worker: local?.id ?? -1 })).toMatchObject({
      error: expect.stringContaining('own threads'),
    });
    expect(closed).toEqual([]);
    expect(await page.ask({ kind: 'kick', worker: stalled?.id ?? -1 })).toMatchObject({ error: null });
    expect(closed).toEqual([['the operator sent it away', 'dismissed']]);
    await page.until((s) => s?.workers.length === 1);
    gate.open();
    expect((await run.ended).paramsSha256).toBe(undisturbed.paramsSha256);
  });

  test('stops the run; the resumed one shows the whole course and ends with the same bits', async () => {
    const { run, port, gate, dir, close } = await stage(120);
    const page = await LivePage.open(port, KEY);
    run.start();
    await page.until((s) => s?.status.step === 120);
    expect(await page.ask({ kind: 'stop' })).toMatchObject({ error: null });
    expect((await run.ended).complete).toBe(false);
    await page.until(phase('stopped'));
    gate.open();
    await close();
    scenes.length = 0;

    const again = await stage(-1, dir);
    const second = await LivePage.open(again.port, KEY);
    expect(second.state?.status).toMatchObject({ phase: 'waiting', step: 120, loss: page.state?.status.loss });
    // But for what the coordinator's clock said, to the digits that are logged.
    expect(second.state?.course).toEqual(page.state?.course);
    expect(second.state?.evaluations).toEqual(page.state?.evaluations);
    again.run.start();
    expect((await again.run.ended).paramsSha256).toBe(undisturbed.paramsSha256);
    await second.until((s) => s?.status.step === STEPS);
    expect(second.state?.course.course.step).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  });

  test('is told of a full disk, which no command gets past, and of room', async () => {
    const disk = new SimDisk({ seed: 1 });
    // Tries again every 30 ms.
    const clock = { ...systemClock, after: (ms: number, call: () => void) => systemClock.after(ms / 100, call) };
    const { run, port } = await stage(-1, undefined, { disk: disk.life(), clock, loadData });
    const page = await LivePage.open(port, KEY);
    disk.capacity = disk.used + 5000;
    run.start();
    await page.until(phase('paused'));
    const full = expect.stringMatching(/^the disk is full \(ENOSPC\) .* it goes on by itself when there is room$/);
    const notices = () => page.state?.notices.map((n) => n.text).slice(1);
    expect(notices()).toEqual([full, 'paused']);
    for (const kind of ['checkpoint', 'resume'] as const)
      expect(await page.ask({ kind })).toMatchObject({ error: full });
    expect(run.phase).toBe('paused');
    disk.capacity = Number.POSITIVE_INFINITY;
    expect((await run.ended).paramsSha256).toBe(undisturbed.paramsSha256);
    await page.until(phase('finished'));
    expect(notices()?.slice(0, 4)).toEqual([full, 'paused', 'there is room again, and all is written', 'resumed']);
  });

  test('too many samples at once are refused with a sentence, and the others drawn', async () => {
    const { port } = await stage();
    const page = await LivePage.open(port, KEY);
    const ask = () => page.ask({ kind: 'sample', prompt: 'a', temperature: 1, length: 5 });
    const answers = await Promise.all(Array.from({ length: 12 }, ask));
    expect(answers.filter((a) => a.text?.startsWith('a')).length).toBe(9);
    expect(answers.filter((a) => a.error?.includes('too many samples')).length).toBe(3);
  });

  test('is shown samples while watching', async () => {
    const { run, port, live } = await stage();
    const page = await LivePage.open(port, KEY);
    run.start();
    await page.until((s) => s !== null && s.samples.length > 0);
    expect(page.state?.samples[0]?.text).toMatch(/^([a-h]*, ){4}[a-h]*$/);
    // A volunteer is shown the last of them.
    expect(live.news(1).sample).toEqual(page.state?.samples.at(-1));
  });
});
