/** What a run costs those who take part, measured alone on this machine: bytes of its messages, ms of its computations. */
import { median } from '../../bench/timing.ts';
import { Trainer } from '../../coordinator/trainer.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { latestCheckpoint } from '../../core/checkpoint/store.ts';
import { initialise } from '../../core/nn/index.ts';
import { encodeFrames } from '../../core/protocol/frames.ts';
import { type Header, type Message, resultMessage, workMessage } from '../../core/protocol/messages.ts';
import { encodeState } from '../../core/protocol/statePieces.ts';
import type { Result, Work } from '../../core/protocol/work.ts';
import { Stream } from '../../core/random/streams.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { dataKind, type Recipe } from '../../models/recipe.ts';
import { loadTrained } from '../../models/trained.ts';
import { Compute } from '../../worker/compute.ts';
import { ThreadPool } from '../../worker/pool.ts';

/** Bytes and ms of a lease: so much for each, and so much more for each micro-batch in it. */
interface Linear {
  readonly each: number;
  readonly perMicroBatch: number;
}

export interface Costs {
  readonly parameters: number;
  readonly microBatches: number;
  /** Examples of one. */
  readonly microBatch: number;
  /** On the wire, WebSocket's headers included, TCP's not. */
  readonly bytes: { readonly state: number; readonly work: Linear; readonly result: Linear };
  /** A lease on one thread: `Compute` alone, and in a worker's thread pool, with the way to the thread and back. */
  readonly computeMs: { readonly alone: Linear; readonly pool: Linear };
  /** The coordinator's own part: taking a result, and a step's update. */
  readonly coordinatorMs: { readonly accept: number; readonly update: number };
}

const REPEATS = 60;

/** The costs of the run in a folder, which has a checkpoint. */
export async function costsOf(dir: string): Promise<Costs> {
  const backend = await createWasmBackend();
  const { recipe, tokenizer } = await loadTrained(await latestCheckpoint(dir), backend);
  const spec: ModelSpec = { ...recipe.model, vocabSize: tokenizer.vocabSize };
  const microBatches = Math.ceil(recipe.batch / recipe.microBatch);
  const state = { version: 0, ...initialise(buildModel(spec), recipe.seed) };
  const leases = [1, microBatches].map((size) => leaseOf(recipe, spec, size));

  const compute = new Compute(backend, spec);
  compute.load(state);
  const { gradient, statistics } = compute.lengths;
  const into = () => ({
    gradient: new Float32Array(gradient),
    statistics: new Float32Array(statistics * microBatches),
  });
  const results: Result[] = [];
  for (const lease of leases) results.push(await compute.run(lease, into()));
  const reused = into();
  const alone = await each(leases, (lease) => compute.run(lease, reused));
  const threads = await ThreadPool.start(spec, 1);
  threads.setState(state);
  const pool = await each(leases, (lease) => threads.run(lease, () => undefined));
  await threads.close();

  const [whole] = results.slice(1);
  if (whole === undefined) throw new Error('no lease was computed');
  const trainer = new Trainer(backend, recipe, spec);
  const [accept, update]: [number[], number[]] = [[], []];
  for (let i = 0; i < REPEATS; i++) {
    trainer.begin(microBatches);
    accept.push(await timed(() => trainer.accept(0, microBatches, whole)));
    update.push(await timed(() => trainer.update(false)));
  }
  const bytes = {
    state: framesBytes(encodeState(state, 'a-nonce.0.0'), false),
    work: linear(
      leases.map((lease) => wireBytes(workMessage(lease), false)),
      microBatches,
    ),
    result: linear(
      results.map((result) => wireBytes(resultMessage(result), true)),
      microBatches,
    ),
  };
  return {
    ...{ parameters: gradient, microBatches, microBatch: recipe.microBatch, bytes },
    computeMs: { alone: linear(alone, microBatches), pool: linear(pool, microBatches) },
    coordinatorMs: { accept: median(accept), update: median(update) },
  };
}

/** A lease of so many micro-batches from the first on, of random tokens. */
function leaseOf({ model, microBatch, seed, ...rest }: Recipe, { vocabSize }: ModelSpec, size: number): Work {
  const targets = dataKind({ model, microBatch, seed, ...rest }) === 'text' ? model.blockSize : 1;
  const stream = new Stream(seed, 1);
  const tokens = (examples: number, each: number) =>
    Uint16Array.from({ length: examples * each }, (_, i) => stream.integerBelow(i, vocabSize));
  const [x, y] = [tokens(size * microBatch, model.blockSize), tokens(size * microBatch, targets)];
  const counts = Array.from({ length: size }, () => microBatch);
  return { round: 0, mode: 'train', version: 0, seed, lo: 0, size, counts, x, y };
}

/** Median ms of each lease. */
async function each(leases: readonly Work[], run: (lease: Work) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (const lease of leases) {
    const measured: number[] = [];
    for (let i = 0; i < REPEATS; i++) measured.push(await timed(() => run(lease)));
    times.push(median(measured.slice(REPEATS / 3)));
  }
  return times;
}

async function timed(run: () => unknown): Promise<number> {
  const before = performance.now();
  await run();
  return performance.now() - before;
}

/** Of what a lease of one micro-batch and one of all of them take. */
function linear([one = 0, whole = 0]: readonly number[], microBatches: number): Linear {
  const perMicroBatch = microBatches === 1 ? 0 : (whole - one) / (microBatches - 1);
  return { each: one - perMicroBatch, perMicroBatch };
}

/** @param masked a client's frames are: 4 bytes more each */
function wireBytes(message: Message<Header>, masked: boolean): number {
  return framesBytes(encodeFrames(message), masked);
}

function framesBytes(frames: readonly Uint8Array[], masked: boolean): number {
  let bytes = 0;
  for (const { byteLength: n } of frames) bytes += n + (n < 126 ? 2 : n < 65_536 ? 4 : 10) + (masked ? 4 : 0);
  return bytes;
}
