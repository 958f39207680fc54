/** Workers as a person describes them to `manygrad simulate`: `8:speed=0.5,threads=2,up=5,down=50,latency=100,jitter=50`. */
import * as z from 'zod';
import { UserError } from '../core/errors.ts';
import type { WorkerPlan } from '../simulation/world.ts';

const positive = z.coerce.number().positive();

const fieldsSchema = z.strictObject({
  /** Threads of a worker, and how fast one is beside one of this machine; or what a micro-batch takes it, in ms. */
  threads: z.coerce.number().int().positive().default(1),
  speed: positive.optional(),
  ms: positive.optional(),
  /** Megabits a second; a line that is never the bottleneck if left out. */
  up: positive.default(Number.POSITIVE_INFINITY),
  down: positive.default(Number.POSITIVE_INFINITY),
  /** Milliseconds one way, give or take. */
  latency: z.coerce.number().nonnegative().default(0.1),
  jitter: z.coerce.number().nonnegative().default(0),
});

const USAGE = 'write it as COUNT:speed=1,threads=1,up=5,down=50,latency=20,jitter=5 (ms=40 instead of a speed)';
const MAX_COUNT = 10_000;
/** Micro-batches of a worker take more or less time than the next. */
const SPREAD = 0.1;

/** @param msPerMicroBatch of a thread of this machine. @throws UserError */
export function parseCrew(text: string, index: number, msPerMicroBatch: number): WorkerPlan[] {
  const [, count, rest = ''] = /^(\d+)(?::(.*))?$/.exec(text) ?? [];
  const wrong = (why: string) => new UserError(`--workers ${text}: ${why}; ${USAGE}.`);
  if (count === undefined || Number(count) < 1 || Number(count) > MAX_COUNT)
    throw wrong(`it begins with no number of workers from 1 to ${MAX_COUNT}`);
  const pairs = rest === '' ? [] : rest.split(',').map((pair) => pair.split('='));
  const odd = pairs.find((pair) => pair.length !== 2 || pair[1] === '');
  if (odd !== undefined) throw wrong(`"${odd.join('=')}" is no name=value`);
  const parsed = fieldsSchema.safeParse(Object.fromEntries(pairs));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrong(`${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is unknown'}`.trim());
  }
  const { threads, speed, ms, up, down, latency, jitter } = parsed.data;
  if (speed !== undefined && ms !== undefined) throw wrong('speed and ms say the same');
  return Array.from({ length: Number(count) }, (_, i) => ({
    name: `${index + 1}.${i + 1}`,
    shape: { upMbit: up, downMbit: down, latencyMs: latency, jitterMs: Math.min(jitter, latency) },
    threads,
    msPerMicroBatch: ms ?? msPerMicroBatch / (speed ?? 1),
    spread: SPREAD,
  }));
}
