/**
 * How fast a run would be: so many workers of such speeds on such lines, and a model of so many parameters. A tiny stand-in is
 * trained by the real coordinator and real workers; what its messages and its arithmetic would weigh and take, were it the model
 * in question, is charged to lines and clocks. What limits the run is found by asking again with one thing at a time made better.
 */
import { PLAIN } from '../coordinator/options.ts';
import { parseRecipe, type Recipe } from '../models/recipe.ts';
import { type Costs, costOfSending, costOfStep, costOfTaking, halved } from './costs.ts';
import { frameHeader } from './frameKind.ts';
import type { Shape } from './host.ts';
import type { Subject } from './subject.ts';
import { type WorkerPlan, World } from './world.ts';

export interface Question extends Subject {
  readonly workers: readonly WorkerPlan[];
  /** The coordinator's own threads; a micro-batch takes each of them the subject's `msPerMicroBatch`. */
  readonly threads: number;
  readonly coordinatorMbit: number;
  readonly costs: Costs;
  /** Steps to look at, after as many that are not. */
  readonly steps: number;
  readonly seed: number;
}

export interface Speed {
  readonly stepsPerSecond: number;
  /** Of a step, over all connections, as the coordinator sends and receives. */
  readonly mibSent: number;
  readonly mibReceived: number;
  /** Parts of the time in which something was at work: of workers, the mean over them. */
  readonly busy: {
    readonly coordinator: number;
    readonly up: number;
    readonly down: number;
    readonly computing: number;
  };
}

const MIB = 1024 * 1024;
/** The longest simulated time, in ms: a month. */
const LIMIT = 30 * 24 * 3600 * 1000;

/** The stand-in: as many micro-batches as the model in question has, of one example each. */
function standIn({ microBatches, steps, seed }: Question): Recipe {
  return parseRecipe(
    {
      model: { name: 'bigram', blockSize: 1 },
      data: { source: 'stand-in' },
      seed,
      steps: 2 * steps + 1,
      batch: microBatches,
      microBatch: 1,
      optimizer: { name: 'sgd' },
      schedule: { name: 'constant', lr: 0.1 },
    },
    'the stand-in',
  );
}

/** What a frame of the stand-in's would weigh, were it the model's, in bytes. */
function weighAs({
  parameters,
  buffers,
  statistics,
  microBatch,
  exampleBytes,
}: Question): (frame: Uint8Array) => number {
  return (frame) => {
    const message = frameHeader(frame);
    if (message === null) return frame.byteLength;
    const { header, partBytes } = message;
    const head = frame.byteLength - partBytes.reduce((a, b) => a + b, 0);
    switch (header.kind) {
      case 'state':
        return head + 4 * (parameters + buffers);
      case 'result':
        return head + 4 * (parameters + statistics * header.losses.length);
      case 'work':
        return head + header.counts.length * microBatch * exampleBytes;
      default:
        return frame.byteLength;
    }
  };
}

/** Simulates it. @throws Error if the run cannot make its steps */
export async function speedOf(question: Question): Promise<Speed> {
  const { workers, threads, msPerMicroBatch, coordinatorMbit, costs, steps, seed, parameters, buffers } = question;
  const weigh = weighAs(question);
  let [sent, received, made] = [0, 0, 0];
  let from: Mark | null = null;
  let to: Mark | null = null;
  const world = new World({
    seed,
    recipe: standIn(question),
    run: PLAIN,
    workers,
    threads,
    msPerMicroBatch,
    coordinatorMbit,
    weigh,
    tap: {
      sending: (by, _, frame, when) => {
        if (by !== 'coordinator' || when === 'after') return;
        const bytes = weigh(frame);
        sent += bytes;
        world.coordinator?.process.spend(costOfSending(costs, bytes));
      },
      arriving: (at, _, frame, when) => {
        if (at !== 'coordinator' || when === 'after') return;
        const bytes = weigh(frame);
        received += bytes;
        world.coordinator?.process.spend(costOfTaking(costs, bytes));
      },
    },
    observer: {
      onStep: () => {
        world.coordinator?.process.spend(costOfStep(costs, 4 * (parameters + buffers)));
        if (++made === steps) from = mark(world, sent, received);
        if (made === 2 * steps) to = mark(world, sent, received);
      },
    },
  });
  world.begin();
  await world.until(() => to !== null, LIMIT);
  if (from === null || to === null) throw new Error('the simulated run has made no steps');
  return between(from, to, steps, question);
}

interface Mark {
  readonly at: number;
  readonly sent: number;
  readonly received: number;
  readonly coordinator: number;
  readonly up: number;
  readonly down: number;
  readonly computing: number;
}

/** Where everything stands, busy times summed up over the workers. */
function mark(world: World, sent: number, received: number): Mark {
  const hosts = [...world.hosts.values()];
  const total = (of: (host: (typeof hosts)[number]) => number) => hosts.reduce((sum, host) => sum + of(host), 0);
  return {
    at: world.time.now(),
    sent,
    received,
    coordinator: world.coordinator?.process.busyMs ?? 0,
    up: total((host) => host.up.busyMs),
    down: total((host) => host.down.busyMs),
    computing: world.workers.reduce((sum, worker) => sum + worker.computedMs, 0),
  };
}

function between(from: Mark, to: Mark, steps: number, { workers }: Question): Speed {
  const ms = to.at - from.at;
  const hosts = Math.max(1, workers.length);
  const threads = Math.max(
    1,
    workers.reduce((sum, worker) => sum + worker.threads, 0),
  );
  return {
    stepsPerSecond: (steps * 1000) / ms,
    mibSent: (to.sent - from.sent) / steps / MIB,
    mibReceived: (to.received - from.received) / steps / MIB,
    busy: {
      coordinator: (to.coordinator - from.coordinator) / ms,
      up: (to.up - from.up) / ms / hosts,
      down: (to.down - from.down) / ms / hosts,
      computing: (to.computing - from.computing) / ms / threads,
    },
  };
}

/** What could be better, and how to ask for it. */
export const IMPROVEMENTS: Readonly<Record<string, (question: Question) => Question>> = {
  'workers twice as fast': (q) => ofWorkers(q, (w) => ({ ...w, msPerMicroBatch: w.msPerMicroBatch / 2 })),
  'twice the upload of each worker': (q) => onLines(q, (s) => ({ ...s, upMbit: s.upMbit * 2 })),
  'twice the download of each worker': (q) => onLines(q, (s) => ({ ...s, downMbit: s.downMbit * 2 })),
  'half the latency': (q) => onLines(q, (s) => ({ ...s, latencyMs: s.latencyMs / 2, jitterMs: s.jitterMs / 2 })),
  'twice the line of the coordinator': (q) => ({ ...q, coordinatorMbit: q.coordinatorMbit * 2 }),
  'a coordinator twice as fast': (q) => ({ ...q, msPerMicroBatch: q.msPerMicroBatch / 2, costs: halved(q.costs) }),
};

function ofWorkers(question: Question, better: (worker: WorkerPlan) => WorkerPlan): Question {
  return { ...question, workers: question.workers.map(better) };
}

function onLines(question: Question, better: (shape: Shape) => Shape): Question {
  return ofWorkers(question, (worker) => ({ ...worker, shape: better(worker.shape) }));
}
