/**
 * While a run goes back, to undo what a liar has added: what is asked of it meanwhile. A liar earns its good name, has work of its
 * own taken unchecked, lies, and is found out; nothing else is there but whoever checks it.
 */
import { expect, onTestFinished, test } from 'vitest';
import type { RunObserver } from '../../coordinator/observer.ts';
import { PLAIN } from '../../coordinator/options.ts';
import { prepareNewRun } from '../../coordinator/prepare.ts';
import { TrainingRun } from '../../coordinator/run.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { UserError } from '../../core/errors.ts';
import type { State, WorkerPort } from '../../core/protocol/work.ts';
import { parseRecipe } from '../../models/recipe.ts';
import { SimDisk, SimDiskError } from '../../simulation/simDisk.ts';
import { type Forge, HONEST, SharedCompute } from '../../simulation/threads.ts';
import { loadToyData } from '../../simulation/toy.ts';
import { Compute } from '../../worker/compute.ts';
import { ManualClock } from '../support/manualClock.ts';
import { DIR, settle } from '../support/simFolder.ts';

const CHECKPOINT_EVERY = 5;
/** Enough for the liar to be proven, and to have added something since. */
const LIES_FROM = 24;

const recipe = parseRecipe(
  {
    model: { name: 'bigram', blockSize: 1 },
    data: { source: 'toy' },
    seed: 5,
    steps: 40,
    batch: 8,
    microBatch: 4,
    optimizer: { name: 'sgd' },
    schedule: { name: 'constant', lr: 0.05 },
    clipGradNorm: null,
  },
  'a toy recipe',
);

const backend = await createWasmBackend();

/** A run with a liar and an honest worker, about to start. */
async function stage(observer: RunObserver) {
  const disk = new SimDisk({ seed: 1 });
  const clock = new ManualClock();
  const options = { ...PLAIN, checkpointEvery: CHECKPOINT_EVERY, keepCheckpoints: 9, verify: 'adaptive' as const };
  const prepared = await prepareNewRun(recipe, DIR, () => options, {
    disk: disk.life(),
    clock,
    loadData: loadToyData,
  });
  const lies = () => prepared.trainer.step >= LIES_FROM;
  // Nothing of a proven worker is checked, until it lies.
  const run = new TrainingRun(prepared, observer, clock, () => (lies() ? 0 : 0.99));
  const compute = new SharedCompute(new Compute(backend, prepared.spec));
  const join = (name: string, trusted: boolean, forge: Forge) => {
    const { events, join } = run.connect();
    let state: State | null = null;
    const port: WorkerPort = {
      ...{ kind: 'remote', name, identity: name, trusted, slots: 1 },
      sendState: (sent) => {
        state = { ...sent, params: sent.params.slice(), buffers: sent.buffers.slice() };
      },
      sendWork: (work) => {
        if (state !== null) compute.run(state, work).then((result) => events.result(forge(result)));
      },
      close: () => undefined,
    };
    join(port);
  };
  join('honest', true, HONEST);
  join('liar', false, (result) => (lies() ? { ...result, losses: result.losses.map((loss) => loss + 1) } : result));
  return { disk, run, folder: prepared.folder };
}

/** Observes, and calls `then` as soon as the run has begun to go back. */
const onGoingBack = (then: () => void): RunObserver => ({
  onExpulsion: ({ cause }) => {
    if (cause === 'lied') queueMicrotask(then);
  },
});

test('a checkpoint that is asked for is written of what it has gone back to, before that is answered', async () => {
  const told: string[] = [];
  let answered = Promise.resolve();
  const { run, folder, disk } = await stage({
    ...onGoingBack(() => {
      answered = run.checkpointNow().then(() => void told.push('answered'));
    }),
    onRollback: (_, to) => told.push(`back at ${to}`),
    onCheckpoint: (step) => told.push(`checkpoint ${step}`),
  });
  run.start();
  expect(await run.ended).toMatchObject({ complete: true, steps: 40 });
  await answered;
  await folder.close();
  const at = told.findIndex((what) => what.startsWith('back'));
  const [, step] = /(\d+)$/.exec(told[at] ?? '') ?? [];
  expect(told.slice(at, at + 3)).toEqual([`back at ${step}`, `checkpoint ${step}`, 'answered']);
  expect(disk.contents(`${DIR}/checkpoint-${step}.safetensors`)).not.toBeNull();
});

test('stopped meanwhile, and its disk not letting it go back, it ends by that error, told once', async () => {
  const lost: unknown[] = [];
  const onLost = (error: unknown) => lost.push(error);
  process.on('unhandledRejection', onLost);
  onTestFinished(() => void process.off('unhandledRejection', onLost));
  const failures: unknown[] = [];
  const { run, folder, disk } = await stage({
    ...onGoingBack(() => {
      disk.onCall = (_, op, file) => {
        if (op === 'list') throw new SimDiskError('EACCES', op, file);
      };
      run.stop();
    }),
    onFailure: (error) => failures.push(error),
  });
  run.start();
  const error = await run.ended.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  expect(failures).toEqual([error]);
  await settle();
  expect(lost).toEqual([]);
  disk.onCall = () => undefined;
  await folder.close();
});
