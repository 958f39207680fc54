/** Measures the steps of a workload, whoever makes them. They must learn, or the time that they take says nothing. */
import { randomBatch, type Workload } from './workloads.ts';

export interface StepTimes {
  readonly medianMs: number;
  readonly bestMs: number;
  /** How many were measured. */
  readonly steps: number;
  /** Of the first steps, all on one batch. */
  readonly losses: readonly number[];
}

export type Step = (x: Uint16Array<ArrayBuffer>, y: Uint16Array<ArrayBuffer>) => number | Promise<number>;

/** Steps on one batch, before anything is measured. */
const WARM_UP = 4;
/** The least and the most steps that are measured. */
const LEAST = 3;
const MOST = 4000;
/** A step slower than this is no step to train with. */
export const SLOWEST_MS = 60_000;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/**
 * Makes steps for `ms` or a few, whichever takes longer, each on a new batch.
 * @throws Error if the loss does not fall while the batch stays the same, or a step takes more than a minute
 */
export async function timeSteps(workload: Workload, step: Step, ms: number): Promise<StepTimes> {
  const timed = async (index: number) => {
    const { x, y } = randomBatch(workload, index);
    const start = performance.now();
    const pending = step(x, y);
    const loss = typeof pending === 'number' ? pending : await pending;
    return { loss, took: performance.now() - start };
  };
  const losses: number[] = [];
  for (let i = 0; i < WARM_UP; i++) {
    const { loss, took } = await timed(0);
    losses.push(loss);
    if (took > SLOWEST_MS) throw new Error(`a step takes ${(took / 1000).toFixed(0)} s`);
  }
  const [first = Number.NaN, last = Number.NaN] = [losses[0], losses.at(-1)];
  if (!(last < first)) throw new Error(`it does not learn: the loss of one batch went from ${first} to ${last}`);
  // What a compiler makes of hot code is not ready after four steps of a tenth of a millisecond.
  for (const end = performance.now() + ms / 4; performance.now() < end; ) await timed(1);
  const times: number[] = [];
  const end = performance.now() + ms;
  while (times.length < LEAST || (performance.now() < end && times.length < MOST))
    times.push((await timed(times.length + 2)).took);
  return { medianMs: median(times), bestMs: Math.min(...times), steps: times.length, losses };
}
