/**
 * A program: runs on slow and distant links, what their messages and leases cost, and what a simulation that is told no more than
 * that says of their speed (`predicted`), as JSON.
 *
 *     node test/network/measure.ts [SCENARIO...]     all of them without; takes about half a minute each
 *
 * What TCP and the links add, which a prediction must know, is under `links`; docs are in namespaces.ts and delayProxy.ts.
 */
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerLine } from '../../coordinator/runFolder.ts';
import { type CliEvent, readJsonLines } from '../support/cli.ts';
import { Cluster, type ClusterOptions, workerEvent } from './cluster.ts';
import { type Costs, costsOf } from './costs.ts';
import { type Connection, connectionSchema } from './delayProxy.ts';
import { BURST_MS, type LinkCounters, networksAvailable, QUEUE_MS } from './namespaces.ts';
import { predict } from './predict.ts';
import type { Probe } from './probe.ts';

/** What a worker did in a phase, a step: bytes on its link, and the micro-batches whose results counted. */
interface Part {
  readonly upBytes: number;
  readonly downBytes: number;
  readonly microBatches: number;
  readonly leases: number;
}

interface Phase {
  readonly phase: string;
  readonly steps: number;
  readonly stepsPerSecond: number;
  readonly stepMs: { readonly p10: number; readonly median: number; readonly p90: number };
  /** A step, by worker. */
  readonly workers: Readonly<Record<string, Part>>;
}

interface Scenario extends Pick<ClusterOptions, 'workers' | 'coordinatorMbit'> {
  readonly what: string;
  readonly recipe: readonly string[];
  /** Steps that are measured. */
  readonly steps: number;
  /** The link of this worker goes down for 30 s. */
  readonly partition?: string;
}

interface Measured {
  readonly scenario: string;
  readonly what: string;
  readonly recipe: readonly string[];
  readonly places: ClusterOptions['workers'];
  readonly coordinatorMbit: number | null;
  /** What each worker's path was found to carry, of a state's bytes at once, before the run. */
  readonly probes: Readonly<Record<string, Probe>>;
  /** What the proxies did with the run's connections: the mean delay of a chunk, which depends on how many follow each other. */
  readonly proxied: Readonly<Record<string, Pick<Connection, 'up' | 'down'>>>;
  readonly costs: Costs;
  /** Who else had this machine's cores while it ran: the mean number of processes that wanted one, over a minute. */
  readonly load: number;
  readonly phases: readonly Phase[];
  /** What a simulation says that the first phase would be, in steps a second, and how much that is of what it was. */
  readonly predicted: { readonly stepsPerSecond: number; readonly ofMeasured: number };
}

/** So many results are in a worker's pace (coordinator/leases.ts): after as many steps it is what it stays. */
const WARM_UP = 15;
const PARTITION_MS = 30_000;

const CONSTANT = ['--set', 'schedule={name: constant, lr: 0.1}'];
const mlp = ['names-mlp', '--set', 'batch=256', '--set', 'microBatch=32', ...CONSTANT];
const wavenet = ['names-wavenet', '--set', 'batch=256', '--set', 'microBatch=32', ...CONSTANT];
const gpt = ['text-gpt', '--set', 'batch=64', '--set', 'microBatch=8'];
const slow = { mbit: 5 };
const far = { ...slow, delay: { mean: 100, jitter: 50 } };
const moon = { ...slow, delay: { mean: 1000, jitter: 0 } };

const scenarios: Readonly<Record<string, Scenario>> = {
  one: { what: 'one worker behind 5 Mbit/s', recipe: mlp, workers: { a: slow }, steps: 60 },
  two: { what: 'two workers behind 5 Mbit/s each', recipe: mlp, workers: { a: slow, b: slow }, steps: 60 },
  three: { what: 'three workers behind 5 Mbit/s', recipe: mlp, workers: { a: slow, b: slow, c: slow }, steps: 60 },
  far: { what: 'one worker behind 5 Mbit/s, 100 ± 50 ms away', recipe: mlp, workers: { a: far }, steps: 40 },
  mixed: {
    what: 'three workers behind 5 Mbit/s, one 100 ± 50 ms away, one 1 s',
    ...{ recipe: mlp, workers: { near: slow, far, moon }, steps: 120 },
  },
  hub: {
    what: 'three workers on fast links, the coordinator behind 5 Mbit/s',
    ...{ recipe: mlp, workers: { a: {}, b: {}, c: {} }, coordinatorMbit: 5, steps: 60 },
  },
  wavenet: {
    what: 'two workers behind 5 Mbit/s each, states of 306 kB',
    ...{ recipe: wavenet, workers: { a: slow, b: slow }, steps: 20 },
  },
  compute: {
    what: 'two workers on fast links, most of the time computing',
    ...{ recipe: gpt, workers: { a: {}, b: {} }, steps: 60 },
  },
  partition: {
    what: 'three workers behind 5 Mbit/s, the link of one down for 30 s',
    ...{ recipe: mlp, workers: { a: slow, b: slow, c: slow }, steps: 40, partition: 'c' },
  },
};

/** A moment of a run: a step that has been made, and what had passed on the workers' links by then. */
interface Mark {
  readonly phase: string;
  readonly step: number;
  readonly links: ReadonlyMap<string, LinkCounters>;
}

async function measure(name: string, scenario: Scenario): Promise<Measured> {
  const { what, recipe, workers, coordinatorMbit, partition } = scenario;
  const cluster = new Cluster({
    ...{ workers, train: [...recipe, '--steps', '1000000'] },
    ...(coordinatorMbit === undefined ? {} : { coordinatorMbit }),
  });
  try {
    await cluster.start();
    const { coordinator, network, out } = cluster;
    const isStep = (e: CliEvent) => e.event === 'step';
    const lastStep = () => Number(coordinator.events.findLast(isStep)?.step ?? 0);
    const more = (steps: number) => coordinator.step(lastStep() + steps);
    const marks: Mark[] = [];
    /** A phase begins now; the last ends. */
    const mark = (phase: string) => {
      const links = new Map(Object.keys(workers).map((worker) => [worker, network.counters(worker)]));
      marks.push({ phase, step: lastStep(), links });
    };
    await more(WARM_UP);
    mark('steady');
    await more(scenario.steps);
    if (partition !== undefined) {
      network.down(partition);
      mark('down, not noticed');
      const over = sleep(PARTITION_MS);
      await coordinator.until(workerEvent(partition, false));
      mark('down, noticed');
      await over;
      const known = new Set(coordinator.events);
      network.up(partition);
      await coordinator.until((e) => !known.has(e) && workerEvent(partition, true)(e));
      mark('up again');
      await more(scenario.steps);
    }
    mark('end');
    coordinator.kill('SIGINT');
    await coordinator.exited;
    const times = new Map(
      coordinator.events.flatMap((e, i) => (isStep(e) ? [[Number(e.step), coordinator.arrivals[i] ?? 0]] : [])) as [
        number,
        number,
      ][],
    );
    const ledger = readJsonLines<LedgerLine>(join(out, 'ledger.jsonl'));
    const phases = marks.slice(1).map((end, i) => phaseOf(marks[i] as Mark, end, times, ledger));
    const load = loadavg()[0] ?? Number.NaN;
    for (const worker of cluster.workers.values()) worker.kill('SIGKILL');
    const proxied: Record<string, Pick<Connection, 'up' | 'down'>> = {};
    for (const [worker, proxy] of cluster.proxies) {
      const { up, down } = connectionSchema.parse(await proxy.until((e) => e.event === 'connection'));
      proxied[worker] = { up, down };
    }
    const costs = await costsOf(out);
    const names = Object.keys(workers);
    const probed = await cluster.probe(names, costs.bytes.state);
    const probes = Object.fromEntries(names.map((worker, i) => [worker, probed[i] as Probe]));
    const told = { scenario: name, what, recipe, places: workers, coordinatorMbit: coordinatorMbit ?? null };
    const stepsPerSecond = await predict(scenario, costs);
    const ofMeasured = stepsPerSecond / (phases[0]?.stepsPerSecond ?? Number.NaN);
    console.error(`  ${phases[0]?.stepsPerSecond.toFixed(2)} steps/s; a simulation says ${stepsPerSecond.toFixed(2)}`);
    return { ...told, probes, proxied, costs, load, phases, predicted: { stepsPerSecond, ofMeasured } };
  } finally {
    await cluster.destroy();
  }
}

function phaseOf(from: Mark, to: Mark, times: ReadonlyMap<number, number>, ledger: readonly LedgerLine[]): Phase {
  const steps = to.step - from.step;
  const at = (step: number) => times.get(step) ?? Number.NaN;
  const took = Array.from({ length: steps }, (_, i) => at(from.step + i + 1) - at(from.step + i));
  took.sort((a, b) => a - b);
  const quantile = (q: number) => took[Math.floor(q * (steps - 1))] ?? Number.NaN;
  const blocks = ledger.filter(({ step }) => step > from.step && step <= to.step).flatMap((line) => line.blocks);
  const workers = Object.fromEntries(
    [...from.links].map(([name, then]) => {
      const now = to.links.get(name) ?? then;
      const own = blocks.filter(({ by }) => by.startsWith(`${name}#`));
      const part = {
        upBytes: (now.up.bytes - then.up.bytes) / steps,
        downBytes: (now.down.bytes - then.down.bytes) / steps,
        microBatches: own.reduce((sum, { counts }) => sum + counts.length, 0) / steps,
        leases: own.length / steps,
      };
      return [name, part satisfies Part];
    }),
  );
  return {
    ...{ phase: from.phase, steps, stepsPerSecond: (steps * 1000) / (at(to.step) - at(from.step)) },
    ...{ stepMs: { p10: quantile(0.1), median: quantile(0.5), p90: quantile(0.9) }, workers },
  };
}

const unavailable = networksAvailable();
if (unavailable !== null) {
  console.error(`No networks can be made here: ${unavailable}`);
  process.exit(1);
}
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in scenarios));
if (unknown !== undefined) {
  console.error(`There is no scenario ${unknown}: choose of ${Object.keys(scenarios).join(', ')}.`);
  process.exit(1);
}
const results: Measured[] = [];
for (const [name, scenario] of Object.entries(scenarios)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.error(`${name}: ${scenario.what}`);
  results.push(await measure(name, scenario));
}
const links = {
  congestionControl: 'reno',
  /** Of tbf at both ends of a link. */
  ...{ burstMs: BURST_MS, queueMs: QUEUE_MS },
  /** Of each frame of 1,514 bytes, TCP carries 1,448 of data; the other way goes an acknowledgement of 66 for every two. */
  payload: 1448 / 1514,
  note: 'proxies end TCP, so no path has slow start over its latency; connections start at 10 segments, and again after a pause',
};
console.log(JSON.stringify({ cores: cpus().length, links, results }, null, 2));
