/** What runs in each worker thread: a `Compute` on a WASM backend of its own, fed from the shared state. */
import { workerData } from 'piscina';
import type { Kernels } from '../core/backend/wasm/exports.ts';
import { nodeBackend } from '../core/backend/wasm/loadNode.ts';
import type { Result, Work } from '../core/protocol/work.ts';
import type { ModelSpec } from '../models/model.ts';
import { Compute } from './compute.ts';
import { SharedState, type SharedStateHandle } from './sharedState.ts';

export interface ThreadData {
  readonly kernels: Kernels;
  readonly spec: ModelSpec;
  readonly state: SharedStateHandle;
}

const { kernels, spec, state } = workerData as ThreadData;
const shared = new SharedState(state);
/** MANYGRAD_CAPTURE=0 runs every operation anew: to look for a fault in capturing, which must not change a bit. */
const capture = process.env.MANYGRAD_CAPTURE !== '0';
const compute = new Compute(nodeBackend(kernels), spec, { capture });
/** The generation of the shared state that `compute` holds. */
let loaded = -1;
/** Results are written here, where the main thread reads them without a copy. Grown to the longest lease so far. */
const into = { gradient: sharedFloats(compute.lengths.gradient), statistics: sharedFloats(0) };

export default async function run(work: Work): Promise<Result> {
  const { generation } = shared;
  if (generation !== loaded) {
    shared.read(work.version, (s) => compute.load(s));
    loaded = generation;
  }
  const needed = work.mode === 'train' ? work.counts.length * compute.lengths.statistics : 0;
  if (into.statistics.length < needed) into.statistics = sharedFloats(needed);
  return compute.run(work, into);
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * 4));
}
