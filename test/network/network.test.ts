/**
 * The promise on real networks: slow links, latency, links that go down and come up, peers that die without a word. The bits
 * are those of one thread, the ledger is exact, and nobody has to be helped to come back.
 *
 * The tests run at the same time, each in networks of its own (namespaces.ts), since they mostly wait. MANYGRAD_NETWORK=long
 * adds partitions that outlast the silence after which a connection is given up, and the worst places: lines on which a state is
 * longer on its way than that, and a worker that leaves while its line is down.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, type TestContext, test } from 'vitest';
import { Cli, type CliEvent, readSummary, scratch } from '../support/cli.ts';
import { expectExactLedger, worked } from '../support/ledger.ts';
import { Cluster, type ClusterOptions, COORDINATOR, workerEvent } from './cluster.ts';
import { connectionSchema } from './delayProxy.ts';
import { networksAvailable } from './namespaces.ts';

const unavailable = networksAvailable();
if (unavailable !== null) console.warn(`SKIPPED: no networks can be made for test/network here: ${unavailable}`);

const MBIT = 5;
const MICRO_BATCHES = 8;
const EXAMPLES = 32;
/** 12,097 parameters and 400 buffers: 50 kB a state. A constant rate, so that a run may be stopped anywhere. */
const RECIPE = [
  ...['names-mlp', '--set', `batch=${MICRO_BATCHES * EXAMPLES}`, '--set', `microBatch=${EXAMPLES}`],
  ...['--set', 'schedule={name: constant, lr: 0.1}'],
];
const STATE_BYTES = 50_000;
const ENDLESS = ['--steps', '1000000'];
/** A peer of which nothing is heard for so long is given up. */
const SILENCE_MS = 20_000;
/** The coordinator looks every 5 s, and a busy machine may be late. */
const SLACK_MS = 15_000;
/** Shorter than the silence, and longer. */
const [SHORT_MS, LONG_MS] = [8000, 30_000];

const { dir, remove } = scratch();
afterAll(remove);

/** The hash of the parameters that one thread has after so many steps. */
async function oneThread(steps: number, recipe: readonly string[] = RECIPE): Promise<string> {
  const out = join(dir, `reference-${references++}`);
  const quiet = ['--steps', String(steps), '--threads', '1', '--eval-every', '0', '--quiet', '--samples', '0'];
  const run = new Cli(['train', ...recipe, '--out', out, ...quiet]);
  expect(await run.exited, run.stderr).toEqual({ code: 0, signal: null });
  return readSummary(out).paramsSha256;
}
let references = 0;

/** A cluster that has made its first step, gone once the test is over. */
async function started(context: TestContext, workers: ClusterOptions['workers'], ...more: string[]): Promise<Cluster> {
  const cluster = new Cluster({ workers, train: [...RECIPE, ...ENDLESS, ...more] });
  context.onTestFinished(() => cluster.destroy());
  await cluster.start();
  await cluster.coordinator.step(1);
  return cluster;
}

/** Stops the run where it is. It must have the bits of one thread that made as many steps, and have lost nothing. */
async function expectSameBits({ coordinator, out }: Cluster, recipe: readonly string[] = RECIPE): Promise<void> {
  coordinator.kill('SIGINT');
  expect(await coordinator.exited, coordinator.stderr).toEqual({ code: 130, signal: null });
  const { steps, paramsSha256 } = readSummary(out);
  expectExactLedger(out, steps, MICRO_BATCHES, EXAMPLES);
  expect(paramsSha256).toBe(await oneThread(steps, recipe));
}

const isStep = (e: CliEvent): boolean => e.event === 'step';
const isWaiting = (e: CliEvent): boolean => e.event === 'waiting';

/** The last step that has been told of. */
const lastStep = ({ events }: Cli): number => Number(events.findLast(isStep)?.step ?? 0);

/** So many more steps. */
const more = (coordinator: Cli, steps: number): Promise<CliEvent> => coordinator.step(lastStep(coordinator) + steps);

/** The first event that `is` accepts from now on. */
function next(cli: Cli, is: (e: CliEvent) => boolean): Promise<CliEvent> {
  const past = new Set(cli.events);
  return cli.until((e) => !past.has(e) && is(e));
}

/** What must be so with all of them. */
const all = <T>(items: Iterable<T>, what: (item: T) => Promise<unknown>) => Promise.all([...items].map(what));

/** When an event came, by this process's clock. */
const cameAt = ({ events, arrivals }: Cli, event: CliEvent): number => arrivals[events.indexOf(event)] ?? Number.NaN;

const slow = { mbit: MBIT };
const durations = process.env.MANYGRAD_NETWORK === 'long' ? [SHORT_MS, LONG_MS] : [SHORT_MS];

describe.skipIf(unavailable !== null).concurrent('the bits of one thread', { timeout: 300_000 }, () => {
  test(`from workers behind ${MBIT} Mbit/s, one of them 100 ± 50 ms away and one 1 s`, async (context) => {
    const steps = 40;
    const delays = { far: { mean: 100, jitter: 50 }, moon: { mean: 1000, jitter: 0 } };
    const cluster = new Cluster({
      workers: { near: slow, far: { ...slow, delay: delays.far }, moon: { ...slow, delay: delays.moon } },
      train: [...RECIPE, '--steps', String(steps)],
    });
    context.onTestFinished(() => cluster.destroy());
    const { network, out, workers } = cluster;
    // The links carry what they should, less what the headers of Ethernet, IP and TCP take, and no more.
    const [probe] = await cluster.probe(['near'], 625_000);
    for (const carried of [probe?.upMbit, probe?.downMbit]) {
      expect(carried).toBeGreaterThan(0.5 * MBIT);
      expect(carried).toBeLessThan(MBIT);
    }
    await cluster.start();
    const before = new Map([...workers.keys()].map((name) => [name, network.counters(name)]));
    const { coordinator } = cluster;
    expect(await coordinator.exited, coordinator.stderr).toEqual({ code: 0, signal: null });
    const after = new Map([...workers.keys()].map((name) => [name, network.counters(name)]));
    expect(readSummary(out).paramsSha256).toBe(await oneThread(steps));
    expectExactLedger(out, steps, MICRO_BATCHES, EXAMPLES);
    for (const [name, worker] of workers) {
      expect(await worker.exited, worker.stderr).toEqual({ code: 0, signal: null });
      expect(coordinator.events.filter(workerEvent(name, true)), name).toHaveLength(1);
    }
    expect(worked(out, 'near')).toBe(true);
    // The faults fired: nothing passed a link faster than it may, and much had to wait; what a proxy passed on came late.
    for (const [name, then] of before) {
      const now = after.get(name) ?? then;
      const most = ((now.at - then.at) * MBIT * 1000) / 8 + 10_000;
      for (const way of ['up', 'down'] as const) {
        // The others' results came too, though often too late for the steps that they were of.
        const least = name === 'near' ? (steps / 2) * STATE_BYTES : 0.9 * STATE_BYTES;
        expect(now[way].bytes - then[way].bytes, `${name} ${way}`).toBeGreaterThan(least);
        expect(now[way].bytes - then[way].bytes, `${name} ${way}`).toBeLessThan(most);
        if (name === 'near') expect(now[way].held - then[way].held, `${name} ${way}`).toBeGreaterThan(50);
      }
    }
    for (const [name, proxy] of cluster.proxies) {
      const { up, down } = connectionSchema.parse(await proxy.until((e) => e.event === 'connection'));
      const { mean } = delays[name as keyof typeof delays];
      for (const { meanMs } of [up, down]) expect(meanMs, name).toBeGreaterThan(0.9 * mean);
    }
  });

  test.for(durations)("while a worker's link is down for %i ms", async (ms, context) => {
    const cluster = await started(context, { a: slow, b: slow, c: slow });
    const { coordinator, network, out, workers } = cluster;
    await coordinator.step(10);
    network.down('c');
    const cut = {
      counters: network.counters('c'),
      step: lastStep(coordinator),
      worker: workers.get('c')?.events.length,
    };
    await sleep(ms);
    // The fault fired: nothing passed. The others went on.
    expect(network.counters('c').down).toEqual(cut.counters.down);
    expect(lastStep(coordinator)).toBeGreaterThan(cut.step + 2);
    const back = ms > SILENCE_MS ? next(coordinator, workerEvent('c', true)) : null;
    network.up('c');
    const up = { counters: network.counters('c'), step: lastStep(coordinator) };
    // It comes back by itself: by a new connection, or on the old one, which TCP has kept.
    await back;
    await next(coordinator, () => network.counters('c').up.bytes > up.counters.up.bytes + 2 * STATE_BYTES);
    await more(coordinator, 5);
    expect(coordinator.events.filter(workerEvent('c', false))).toHaveLength(back === null ? 0 : 1);
    expect(workers.get('c')?.events.some(isWaiting)).toBe(back !== null);
    await expectSameBits(cluster);
    expect(worked(out, 'c', up.step)).toBe(true);
  });

  test('though a worker dies of which no word comes', async (context) => {
    const cluster = await started(context, { a: slow, b: slow, c: slow });
    const { coordinator, network, workers } = cluster;
    await coordinator.step(10);
    network.down('c');
    const cut = { at: performance.now(), step: lastStep(coordinator) };
    workers.get('c')?.kill('SIGKILL');
    expect(await workers.get('c')?.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const gone = await next(coordinator, workerEvent('c', false));
    expect(cameAt(coordinator, gone) - cut.at).toBeLessThan(SILENCE_MS + SLACK_MS);
    // Its lease had gone to others long before.
    expect(lastStep(coordinator)).toBeGreaterThan(cut.step + 10);
    await more(coordinator, 2);
    await expectSameBits(cluster);
  });

  test('though the coordinator dies of which no word comes, and another goes on with its run', async (context) => {
    const cluster = await started(context, { a: slow, b: slow }, '--checkpoint-every', '5');
    const { network, out, workers } = cluster;
    await cluster.coordinator.step(12);
    network.down(COORDINATOR);
    const cut = performance.now();
    const first = cluster.coordinator;
    first.kill('SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await all(workers.values(), async (worker) => {
      const waiting = await worker.until(isWaiting);
      expect(cameAt(worker, waiting) - cut).toBeLessThan(SILENCE_MS + SLACK_MS);
    });
    const second = await cluster.coordinate(['train', '--resume', out, '--checkpoint-every', '5']);
    network.up(COORDINATOR);
    await all(workers.keys(), (name) => second.until(workerEvent(name, true)));
    // It went back to a checkpoint, not to the beginning.
    expect(second.events.find((e) => e.event === 'start')?.step).toBeGreaterThanOrEqual(5);
    await second.step(lastStep(first) + 5);
    await expectSameBits(cluster);
  });

  test.for(durations)("while the coordinator's link is down for %i ms", async (ms, context) => {
    const cluster = await started(context, { a: slow, b: slow });
    const { coordinator, network, out, workers } = cluster;
    await coordinator.step(10);
    network.down(COORDINATOR);
    const cut = { counters: network.counters(COORDINATOR), step: lastStep(coordinator) };
    await sleep(ms);
    // The fault fired: nothing passed, and all waited. A result that had already come may have ended a step.
    expect(network.counters(COORDINATOR).down).toEqual(cut.counters.down);
    expect(lastStep(coordinator)).toBeLessThanOrEqual(cut.step + 1);
    const back = ms > SILENCE_MS ? all(workers.keys(), (name) => next(coordinator, workerEvent(name, true))) : null;
    network.up(COORDINATOR);
    const up = { step: lastStep(coordinator) };
    await back;
    await more(coordinator, 15);
    for (const [name, worker] of workers) {
      expect(coordinator.events.filter(workerEvent(name, false)), name).toHaveLength(back === null ? 0 : 1);
      expect(worker.events.some(isWaiting), name).toBe(back !== null);
    }
    await expectSameBits(cluster);
    for (const name of workers.keys()) expect(worked(out, name, up.step), name).toBe(true);
  });

  /** With MANYGRAD_NETWORK=long only. */
  describe.skipIf(process.env.MANYGRAD_NETWORK !== 'long')('in the worst places:', () => {
    test('where a state, and a result, take longer on their way than a silence may last', async (context) => {
      // 796,527 parameters, 3.2 MB, over 1 Mbit/s: nothing comes from the worker for 26 s, for it has nothing to say.
      const recipe = [...RECIPE, '--set', 'model.hidden=13500'];
      const cluster = new Cluster({ workers: { a: { mbit: 1 } }, train: [...recipe, ...ENDLESS] });
      context.onTestFinished(() => cluster.destroy());
      await cluster.start();
      const { coordinator, network } = cluster;
      const there = await coordinator.until(workerEvent('a', true));
      const then = await coordinator.until((e) => isStep(e) || workerEvent('a', false)(e));
      expect(then).toMatchObject({ event: 'step', step: 1 });
      // The fault fired.
      expect(cameAt(coordinator, then) - cameAt(coordinator, there)).toBeGreaterThan(2 * SILENCE_MS);
      expect(network.counters('a').down.held).toBeGreaterThan(1000);
      await expectSameBits(cluster, recipe);
    });

    test('when a worker is told to leave while its link is down, and leaves without a goodbye', async (context) => {
      const cluster = await started(context, { a: slow, b: slow });
      const { coordinator, network, workers } = cluster;
      await coordinator.step(5);
      network.down('b');
      workers.get('b')?.kill('SIGINT');
      const end = await Promise.race([workers.get('b')?.exited, sleep(SILENCE_MS / 2, 'still there')]);
      expect(end).toEqual({ code: 130, signal: null });
      await expectSameBits(cluster);
    });
  });
});
