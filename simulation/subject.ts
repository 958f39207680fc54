/** What a simulation of speed must know of a real recipe: the lengths of its vectors, and what a micro-batch takes a thread here. */
import { Batches } from '../coordinator/batches.ts';
import { loadData, prepareData } from '../coordinator/data.ts';
import { firstValues, samplerOf } from '../coordinator/draws.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { loadModel } from '../models/loadCode.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import type { Recipe } from '../models/recipe.ts';
import { askedTokenizer } from '../models/tokenizers.ts';
import { Compute } from '../worker/compute.ts';

export interface Subject {
  /** Lengths of the model's vectors: parameters, buffers, and a micro-batch's row of batch-norm statistics. */
  readonly parameters: number;
  readonly buffers: number;
  readonly statistics: number;
  /** A step's micro-batches, examples in one, and bytes of an example as it is sent. */
  readonly microBatches: number;
  readonly microBatch: number;
  readonly exampleBytes: number;
  /** Milliseconds that a thread of this machine takes for a micro-batch, at the median. */
  readonly msPerMicroBatch: number;
}

/** How long it is measured, after as long a time that is not, or a few micro-batches. */
const MEASURE_MS = 500;
const LEAST = 3;

/** Reads the recipe's data and measures its model. @throws UserError as `train` would */
export async function subjectOf(recipe: Recipe): Promise<Subject> {
  const { tokenizer, splits } = prepareData(recipe, await loadData(recipe), await askedTokenizer(recipe));
  const spec: ModelSpec = { ...recipe.model, vocabSize: tokenizer.vocabSize };
  await loadModel(spec);
  const model = buildModel(spec);
  const batches = new Batches(recipe, splits, samplerOf(recipe, model));
  const { microBatches } = batches;
  const work = batches.work({ id: 0, step: 0, mode: 'train', microBatches }, { lo: 0, size: 1 });
  const compute = new Compute(await createWasmBackend(), spec);
  const { params, buffers } = firstValues(recipe, model);
  compute.load({ version: 0, params, buffers });
  const { gradient, statistics } = compute.lengths;
  const into = { gradient: new Float32Array(gradient), statistics: new Float32Array(statistics) };
  await repeat(() => compute.run(work, into));
  const times = await repeat(() => compute.run(work, into));
  const examples = work.counts.reduce((a, b) => a + b, 0);
  return {
    parameters: gradient,
    buffers: buffers.length,
    statistics,
    microBatches,
    microBatch: recipe.microBatch,
    exampleBytes: (work.x.byteLength + work.y.byteLength) / examples,
    msPerMicroBatch: times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0,
  };
}

/** Milliseconds of each time. */
async function repeat(what: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let spent = 0; spent < MEASURE_MS || times.length < LEAST; ) {
    const began = performance.now();
    await what();
    times.push(performance.now() - began);
    spent += times.at(-1) ?? 0;
  }
  return times;
}
