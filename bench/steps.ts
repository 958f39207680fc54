/**
 * How many steps a second the names models make: on one thread beside PyTorch, in turns, and on two threads beside one.
 *
 * A step of one thread is all of it: the gradient of a batch of 32 in one micro-batch (worker/compute.ts), the all-reduce of
 * one, and the update (coordinator/trainer.ts), in process. The scaling is of whole runs, threads and messages included.
 *
 *   npm run bench:steps [-- --json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareNewRun } from '../coordinator/prepare.ts';
import { TrainingRun } from '../coordinator/run.ts';
import { Trainer } from '../coordinator/trainer.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import type { ModelSpec } from '../models/model.ts';
import { presetRecipe } from '../models/presets.ts';
import { Compute } from '../worker/compute.ts';
import { startLocalWorker } from '../worker/local.ts';
import { median, torchMissing, torchStepMs } from './measure.ts';

const ROUNDS = 5;
const BATCH = 32;
const workloads = { mlp: 'names-mlp', wavenet: 'names-wavenet' } as const;

/** Median ms of one step of a preset's model on one thread, in process. */
async function ourStepMs(preset: string, steps: number): Promise<number> {
  const recipe = presetRecipe(preset);
  const spec: ModelSpec = { ...recipe.model, vocabSize: 27 };
  const trainer = new Trainer(await createWasmBackend(), recipe, spec);
  const compute = new Compute(await createWasmBackend(), spec);
  const { gradient, statistics } = compute.lengths;
  const into = { gradient: new Float32Array(gradient), statistics: new Float32Array(statistics) };
  const x = Uint16Array.from({ length: BATCH * spec.blockSize }, (_, i) => (i * 7) % 27);
  const y = Uint16Array.from({ length: BATCH }, (_, i) => (i * 5) % 27);
  const times: number[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    const { state } = trainer;
    compute.load(state);
    const lease = {
      round: i,
      mode: 'train' as const,
      version: state.version,
      seed: 1,
      lo: 0,
      size: 1,
      counts: [BATCH],
      x,
      y,
    };
    const result = await compute.run(lease, into);
    trainer.begin(1);
    trainer.accept(0, 1, result);
    trainer.update();
    times.push(performance.now() - start);
  }
  return median(times.slice(steps / 4));
}

/** Steps a second of a run of names-wavenet, batch 256 in micro-batches of 32. */
async function runStepsPerSecond(threads: number, steps: number): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'manygrad-bench-'));
  const options = () => ({ checkpointEvery: 0, keepCheckpoints: 1, evalEvery: 0 });
  const prepared = await prepareNewRun(
    { ...presetRecipe('names-wavenet', steps), batch: 256 },
    join(dir, 'run'),
    options,
  );
  const times: number[] = [];
  let before = performance.now();
  const run = new TrainingRun(prepared, {
    onStep: () => {
      const now = performance.now();
      times.push(now - before);
      before = now;
    },
  });
  const connection = run.connect();
  const local = await startLocalWorker(prepared.spec, threads, connection.events);
  run.start();
  connection.join(local);
  await run.ended;
  local.close('', true);
  await local.closed;
  prepared.folder.close();
  rmSync(dir, { recursive: true });
  return 1000 / median(times.slice(steps / 4));
}

async function besidePyTorch(name: keyof typeof workloads) {
  const missing = await torchMissing();
  const [ours, torch]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await ourStepMs(workloads[name], 3000));
    if (missing === null) torch.push(await torchStepMs(name));
  }
  const timesFaster = median(torch) / median(ours);
  return { workload: workloads[name], oursMs: median(ours), torchMs: missing ?? median(torch), timesFaster };
}

async function scaling() {
  const [one, two]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await runStepsPerSecond(1, 800));
    two.push(await runStepsPerSecond(2, 800));
  }
  return {
    workload: 'names-wavenet 256/32',
    one: median(one),
    two: median(two),
    timesFaster: median(two) / median(one),
  };
}

const json = process.argv.includes('--json');
const results = [await besidePyTorch('mlp'), await besidePyTorch('wavenet')];
const threads = availableParallelism() >= 2 ? await scaling() : null;
if (json) console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, results, threads }));
else {
  console.log(`${cpus()[0]?.model}, Node ${process.version}; medians of ${ROUNDS} rounds in turns`);
  for (const { workload, oursMs, torchMs, timesFaster } of results) {
    const ours = `${workload} (batch ${BATCH}, one thread): ${oursMs.toFixed(3)} ms, ${(1000 / oursMs).toFixed(0)} steps/s`;
    const beside =
      typeof torchMs === 'string' ? torchMs : `PyTorch ${torchMs.toFixed(3)} ms; ${timesFaster.toFixed(2)}× as fast`;
    console.log(`${ours}; ${beside}`);
  }
  if (threads === null) console.log('Two threads are not measured: this machine has one core.');
  else {
    const { workload, one, two, timesFaster } = threads;
    console.log(
      `${workload}: ${one.toFixed(0)} steps/s on one thread, ${two.toFixed(0)} on two; ${timesFaster.toFixed(2)}× as fast`,
    );
  }
}
