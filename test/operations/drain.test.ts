/** Processes that are told to stop: what they have begun is finished, and nothing is done again. */
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { bearerOf } from '../../coordinator/door/bearer.ts';
import { listen } from '../../coordinator/door/server.ts';
import { DRAINED, type WorkerChange } from '../../coordinator/observer.ts';
import { PLAIN } from '../../coordinator/options.ts';
import { prepareNewRun } from '../../coordinator/prepare.ts';
import { TrainingRun } from '../../coordinator/run.ts';
import type { LedgerLine } from '../../coordinator/runFolder.ts';
import type { RunInfo } from '../../core/protocol/live.ts';
import { parseRecipe } from '../../models/recipe.ts';
import { endAttackers, stall } from '../support/attackers.ts';
import { Cli, endAll, readJsonLines, readSummary, scratch } from '../support/cli.ts';
import { expectExactLedger } from '../support/ledger.ts';
import { logHas } from '../support/log.ts';

const { dir, remove } = scratch();
afterEach(async () => {
  endAttackers();
  await endAll();
});
afterAll(remove);

const MICRO_BATCHES = 64;

/** Steps that take a moment, so that there is something in hand when the signal comes. */
const recipe = (steps: number) =>
  parseRecipe(
    {
      model: { name: 'wavenet', blockSize: 8, embeddingDim: 24, hidden: 128 },
      data: { source: 'names' },
      seed: 7,
      steps,
      batch: 32 * MICRO_BATCHES,
      microBatch: 32,
      optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
      schedule: { name: 'constant', lr: 0.1 },
      clipGradNorm: null,
    },
    'the recipe',
  );

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a worker that gets %s with a lease in hand answers it, and nothing of it is done again',
  async (signal) => {
    const out = join(dir, signal);
    const prepared = await prepareNewRun(recipe(6), out, () => PLAIN);
    const run = new TrainingRun(prepared);
    const { trainer } = prepared;
    const server = await listen({
      host: '127.0.0.1',
      port: 0,
      identify: bearerOf('t'),
      numerics: null,
      run: 'drain',
      model: prepared.spec,
      maxResultBytes: 4 * (trainer.parameterCount + MICRO_BATCHES * trainer.statisticsLength) + 16,
      connect: () => run.connect(),
      state: () => trainer.state,
      news: () => ({
        phase: 'training',
        step: 0,
        loss: 0,
        valLoss: 0,
        secondsLeft: 0,
        workers: 1,
        yours: 0,
        all: 0,
        sample: null,
      }),
      info: {} as RunInfo,
      pages: new Map(),
      operator: () => undefined,
    });
    const worker = (name: string) =>
      new Cli([
        'worker',
        `ws://127.0.0.1:${server.port}`,
        '--token',
        't',
        '--threads',
        '1',
        '--name',
        name,
        '--grace',
        '300',
      ]);
    const first = worker('first');
    const rest: Cli[] = [];
    let told = false;
    const handed: string[] = [];
    const answered: string[] = [];
    const left: WorkerChange[] = [];
    run.observe({
      onAssign: (id, round, { lo }) => {
        handed.push(`${round.id}: ${lo}`);
        // The lease and the signal set out together.
        if (round.step !== 2 || told) return;
        told = true;
        first.kill(signal);
        expect(id).toBe(1);
      },
      onResult: (_, round, { lo }, accepted) => {
        expect(accepted).toBe(true);
        answered.push(`${round}: ${lo}`);
      },
      onWorker: (change) => {
        if (change.joined) return;
        left.push(change);
        if (rest.length === 0) rest.push(worker('second'));
      },
    });
    run.start();
    const end = await run.ended;
    await server.close(true);
    await prepared.folder.close();
    expect(told).toBe(true);
    expect(await first.exited, first.stderr).toEqual({ code: { SIGTERM: 143, SIGINT: 130 }[signal], signal: null });
    expect(left[0]).toMatchObject({ name: 'first#1', reason: DRAINED });
    // Whatever was handed out was handed out once, and answered.
    expect(new Set(handed).size).toBe(handed.length);
    expect(answered.toSorted()).toEqual(handed.toSorted());
    expect(end.workersSeen).toEqual(['first', 'second']);
    expectExactLedger(out, 6, MICRO_BATCHES, 32);
  },
  120_000,
);

test('a worker whose grace is over leaves what it has not done to others', async () => {
  // No coordinator: it would wait for one for ever.
  const worker = new Cli(['worker', 'ws://127.0.0.1:1', '--token', 't', '--threads', '1', '--json']);
  await worker.until((e) => e.event === 'waiting');
  worker.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 143, signal: null });

  const out = join(dir, 'impatient');
  const log = `${out}.log`;
  // One lease of 1,024 micro-batches, each of milliseconds.
  const large = ['--set', 'batch=32768', '--set', 'microBatch=32', '--set', 'model.hidden=512'];
  const run = new Cli([
    ...['train', 'names-wavenet', '--json', '--steps', '1', '--out', out, '--log', log, ...large],
    ...['--threads', '0', '--listen', '127.0.0.1:0', '--token', 't'],
  ]);
  const { url } = await run.until((e) => e.event === 'listening');
  const slow = new Cli(['worker', String(url), '--token', 't', '--threads', '1', '--grace', '0.2', '--json']);
  await slow.until((e) => e.event === 'joined');
  slow.kill('SIGTERM');
  expect(await slow.exited, slow.stderr).toEqual({ code: 143, signal: null });
  const { reason } = await logHas(log, (e) => e.event === 'left');
  expect(reason).not.toBe(DRAINED);
  expect(slow.events.some((e) => e.event === 'progress')).toBe(false);
}, 120_000);

test('SIGTERM: the step under way is made, written down and kept; resumed, the run ends with the bits of one that was never stopped', async () => {
  const steps = 12;
  const args = (out: string) => [
    ...['--json', '--samples', '0', '--eval-every', '0', '--threads', '1', '--grace', '300', '--log', `${out}.log`],
  ];
  const slow = ['--steps', String(steps), '--set', 'batch=2048', '--set', 'microBatch=32'];
  const whole = join(dir, 'whole');
  const undisturbed = new Cli(['train', 'names-wavenet', '--out', whole, ...slow, ...args(whole)]);
  const out = join(dir, 'terminated');
  const run = new Cli(['train', 'names-wavenet', '--out', out, ...slow, ...args(out)]);
  await run.step(3);
  run.kill('SIGTERM');
  expect(await run.exited, run.stderr).toEqual({ code: 143, signal: null });
  const { step } = await logHas(`${out}.log`, (e) => e.event === 'stopping' && e.signal === 'SIGTERM');
  expect(step).toBeLessThan(steps - 1);
  const summary = JSON.parse(JSON.stringify(readSummary(out))) as { steps: number; complete: boolean };
  expect(summary).toMatchObject({ complete: false, steps: Number(step) + 1 });
  expect(readJsonLines<LedgerLine>(join(out, 'ledger.jsonl')).at(-1)?.step).toBe(summary.steps);
  expect(run.events.findLast((e) => e.event === 'checkpoint')?.step).toBe(summary.steps);

  const resumed = new Cli(['train', '--resume', out, ...args(out)]);
  expect((await resumed.until((e) => e.event === 'start')).step).toBe(summary.steps);
  expect(await resumed.exited, resumed.stderr).toEqual({ code: 0, signal: null });
  expect(await undisturbed.exited, undisturbed.stderr).toEqual({ code: 0, signal: null });
  expect(readSummary(out).paramsSha256).toBe(readSummary(whole).paramsSha256);
  expectExactLedger(out, steps, MICRO_BATCHES, 32);
}, 120_000);

test.each([
  { signal: 'SIGTERM', code: 143, when: 'after its grace' },
  { signal: 'SIGINT', code: 130, when: 'at once' },
] as const)(
  '$signal: a step that does not end is given up $when, and workers are told to come back',
  async (t) => {
    const { signal, code } = t;
    const out = join(dir, `stuck-${signal}`);
    const run = new Cli([
      ...['train', 'names-mlp', '--json', '--out', out, '--grace', '0.2', '--eval-every', '0'],
      ...['--threads', '0', '--listen', '127.0.0.1:0', '--token', 't'],
    ]);
    const { url } = await run.until((e) => e.event === 'listening');
    const { closed } = await stall(String(url));
    run.kill(signal);
    expect(await closed).toMatchObject({ code: 1001, reason: 'the coordinator is going away' });
    expect(await run.exited, run.stderr).toEqual({ code, signal: null });
    expect(readSummary(out)).toMatchObject({ complete: false, steps: 0 });
  },
  60_000,
);
