/** What a simulation says of a scenario's speed, told no more than what its links are and what its messages and leases cost. */
import { MEASURED_COSTS } from '../../simulation/costs.ts';
import { type Question, speedOf } from '../../simulation/speed.ts';
import type { ClusterOptions, Place } from './cluster.ts';
import type { Costs } from './costs.ts';

/** Steps that are looked at, after as many that are not. */
const STEPS = 120;
/** Jitter decides who gets which lease, and so how long a step takes: a run is in several such moods, and the prediction is their mean. */
const SEEDS = [1, 2, 3, 4, 5];

/** @returns steps a second */
export async function predict(
  { workers, coordinatorMbit = Number.POSITIVE_INFINITY }: Pick<ClusterOptions, 'workers' | 'coordinatorMbit'>,
  costs: Costs,
): Promise<number> {
  const { parameters, microBatches, microBatch, bytes, computeMs } = costs;
  // Fits of what was measured on a busy machine can come out below nothing.
  const msPerMicroBatch = Math.max(0.001, computeMs.pool.perMicroBatch);
  const question: Omit<Question, 'seed'> = {
    parameters,
    buffers: Math.max(0, bytes.state / 4 - parameters),
    statistics: bytes.result.perMicroBatch / 4,
    microBatches,
    microBatch,
    exampleBytes: bytes.work.perMicroBatch / microBatch,
    msPerMicroBatch,
    workers: Object.entries(workers).map(([name, place]) => ({
      ...{ name, threads: 1, msPerMicroBatch, spread: 0.1, shape: shapeOf(place) },
    })),
    threads: 0,
    coordinatorMbit,
    costs: MEASURED_COSTS,
    steps: STEPS,
  };
  let seconds = 0;
  for (const seed of SEEDS) seconds += 1 / (await speedOf({ ...question, seed })).stepsPerSecond;
  return SEEDS.length / seconds;
}

/** A bridge on this machine between a worker and the coordinator, and a proxy perhaps. */
const shapeOf = ({ mbit = Number.POSITIVE_INFINITY, delay = { mean: 0.1, jitter: 0 } }: Place) => ({
  ...{ upMbit: mbit, downMbit: mbit, latencyMs: delay.mean, jitterMs: delay.jitter },
});
