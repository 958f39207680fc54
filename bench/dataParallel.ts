/**
 * Step times of whole runs on worker threads: the coordinator, its messages, the all-reduce and the files included. The batch
 * is divided among the threads, and cut up in the same way for the run on one thread beside which they are compared.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Batches } from '../coordinator/batches.ts';
import { counterSampler } from '../coordinator/draws.ts';
import { PLAIN } from '../coordinator/options.ts';
import { TrainingRun } from '../coordinator/run.ts';
import { RunFolder } from '../coordinator/runFolder.ts';
import { Trainer } from '../coordinator/trainer.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import type { Dataset } from '../core/data/dataset.ts';
import type { Recipe } from '../models/recipe.ts';
import { startLocalWorker } from '../worker/local.ts';
import { median } from './timing.ts';
import { SEED } from './trainingStep.ts';
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
/** Steps before those that count, while the threads are compiling: so many, or a third as many as count. */
const WARM_UP = 20;

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
  const warmUp = Math.min(WARM_UP, Math.ceil(steps / 3));
  const recipe = recipeOf(workload, microBatch, steps + warmUp);
  const dir = mkdtempSync(join(tmpdir(), 'manygrad-bench-'));
  const folder = await RunFolder.create(join(dir, 'run'), { format: 'manygrad-run-1', recipe, dataSha256: '' });
  try {
    const trainer = new Trainer(await createWasmBackend(), recipe, workload.model);
    const data = randomDataset(workload);
    const batches = new Batches(recipe, { train: data, val: data }, counterSampler(recipe));
    const times: number[] = [];
    let before = performance.now();
    const onStep = () => {
      const now = performance.now();
      times.push(now - before);
      before = now;
    };
    const run = new TrainingRun({ trainer, batches, folder, options: PLAIN, steps: recipe.steps }, { onStep });
    const connection = run.connect();
    const local = await startLocalWorker(workload.model, threads, connection.events);
    run.start();
    connection.join(local);
    await run.ended;
    local.close('', 'goingAway');
    await local.closed;
    return median(times.slice(warmUp));
  } finally {
    await folder.close();
    rmSync(dir, { recursive: true });
  }
}

function recipeOf(workload: Workload, microBatch: number, steps: number): Recipe {
  const { batch, optimizer, lr, clipGradNorm } = workload;
  const { vocabSize: _, ...model } = workload.model;
  const data = { source: 'random tokens' };
  const schedule = { name: 'constant', lr } as const;
  return { model, data, seed: SEED, random: 'counter', steps, batch, microBatch, optimizer, schedule, clipGradNorm };
}

/** Random examples; an evaluation, which is not measured, has one. */
function randomDataset(workload: Workload): Dataset {
  const { batch, block, targets } = workload;
  const drawn = Array.from({ length: BATCHES }, (_, i) => randomBatch(workload, i));
  const row = (place: number, part: 'x' | 'y', length: number) => {
    const at = (place % batch) * length;
    return drawn[Math.floor(place / batch)]?.[part].subarray(at, at + length) ?? [];
  };
  const rows = (places: readonly number[]) => ({
    x: Uint16Array.from(places.flatMap((place) => [...row(place, 'x', block)])),
    y: Uint16Array.from(places.flatMap((place) => [...row(place, 'y', targets)])),
  });
  return {
    targets,
    count: BATCHES * batch,
    draw: (places) => rows([...places]),
    evalCount: 1,
    evalRows: () => rows([0]),
  };
}
