/**
 * Step times of whole runs on worker threads: the coordinator, its messages, the all-reduce and the files included. The batch
 * is divided among the threads, and cut up in the same way for the run on one thread beside which they are compared.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Batches } from '../coordinator/batches.ts';
import { TrainingRun } from '../coordinator/run.ts';
import { RunFolder } from '../coordinator/runFolder.ts';
import { Trainer } from '../coordinator/trainer.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import type { ModelSpec } from '../models/model.ts';
import type { Recipe } from '../models/recipe.ts';
import { startLocalWorker } from '../worker/local.ts';
import { median } from './timing.ts';
import { randomBatch, type Workload, type WorkloadName, workloads } from './workloads.ts';

export interface ThreadsFigures {
  readonly workload: WorkloadName;
  readonly threads: number;
  readonly microBatch: number;
  /** Median ms of a step on one thread, and on all. */
  readonly oneMs: number;
  readonly allMs: number;
  readonly timesFaster: number;
}

const ROUNDS = 3;
/** Batches that a run draws its examples from. */
const BATCHES = 8;
/** Steps before those that count: the threads are compiling. */
const WARM_UP = 20;

/** Whether a coordinator can train the workload's model: whether it is among the models that have names. */
export function isDistributable(name: WorkloadName): boolean {
  return workloads[name].model.name !== 'gpt';
}

/** Runs of `steps` steps on one and on all threads, in turns. */
export async function measureThreads(name: WorkloadName, threads: number, steps: number): Promise<ThreadsFigures> {
  const workload = workloads[name];
  const microBatch = Math.ceil(workload.batch / threads);
  const [one, all]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await stepMs(workload, microBatch, 1, steps));
    all.push(await stepMs(workload, microBatch, threads, steps));
  }
  const [oneMs, allMs] = [median(one), median(all)];
  return { workload: name, threads, microBatch, oneMs, allMs, timesFaster: oneMs / allMs };
}

/** Median ms of a step of a run in a folder of its own. */
async function stepMs(workload: Workload, microBatch: number, threads: number, steps: number): Promise<number> {
  const { model } = workload;
  if (model.name === 'gpt') throw new Error(`${workload.name} is no model that a coordinator knows`);
  const recipe = recipeOf(workload, model, microBatch, steps + WARM_UP);
  const dir = mkdtempSync(join(tmpdir(), 'manygrad-bench-'));
  const folder = RunFolder.create(join(dir, 'run'), { format: 'manygrad-run-1', recipe, dataSha256: '' });
  try {
    const trainer = new Trainer(await createWasmBackend(), recipe, model);
    const times: number[] = [];
    let before = performance.now();
    const onStep = () => {
      const now = performance.now();
      times.push(now - before);
      before = now;
    };
    const options = { checkpointEvery: 0, keepCheckpoints: 1, evalEvery: 0 };
    const run = new TrainingRun(
      { trainer, batches: randomBatches(recipe, workload), folder, options, steps: recipe.steps },
      { onStep },
    );
    const connection = run.connect();
    const local = await startLocalWorker(model, threads, connection.events);
    run.start();
    connection.join(local);
    await run.ended;
    local.close('', true);
    await local.closed;
    return median(times.slice(WARM_UP));
  } finally {
    folder.close();
    rmSync(dir, { recursive: true });
  }
}

function recipeOf(
  workload: Workload,
  { vocabSize: _, ...model }: ModelSpec,
  microBatch: number,
  steps: number,
): Recipe {
  const { batch, optimizer, lr, clipGradNorm } = workload;
  const data = { source: 'random tokens' };
  const schedule = { name: 'constant', lr } as const;
  return { model, data, seed: 1337, steps, batch, microBatch, optimizer, schedule, clipGradNorm };
}

function randomBatches(recipe: Recipe, workload: Workload): Batches {
  const drawn = Array.from({ length: BATCHES }, (_, i) => randomBatch(workload, i));
  const join = (part: 'x' | 'y') => Uint16Array.from(drawn.flatMap((batch) => [...batch[part]]));
  const examples = { x: join('x'), y: join('y'), count: BATCHES * workload.batch, blockSize: workload.block };
  return new Batches(recipe, { train: examples, val: examples });
}
