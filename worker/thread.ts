/** What runs in each worker thread of Node: leases from piscina, on a WASM backend of the thread's own. */
import { workerData } from 'piscina';
import type { Kernels } from '../core/backend/wasm/exports.ts';
import { nodeBackend } from '../core/backend/wasm/loadNode.ts';
import type { Result, Work } from '../core/protocol/work.ts';
import { loadModel } from '../models/loadCode.ts';
import type { ModelSpec } from '../models/model.ts';
import { Leases } from './leases.ts';
import { SharedState, type SharedStateHandle } from './sharedState.ts';

export interface ThreadData {
  readonly kernels: Kernels;
  readonly spec: ModelSpec;
  readonly state: SharedStateHandle;
}

/** A lease, and where to count its micro-batches as they are done, if anybody looks. */
export interface Task {
  readonly work: Work;
  readonly done: Int32Array | null;
}

const { kernels, spec, state } = workerData as ThreadData;
await loadModel(spec);
/** MANYGRAD_CAPTURE=0 runs every operation anew: to look for a fault in capturing, which must not change a bit. */
const capture = process.env.MANYGRAD_CAPTURE !== '0';
const leases = new Leases(nodeBackend(kernels), spec, new SharedState(state), capture);

export default function run({ work, done }: Task): Promise<Result> {
  return leases.run(work, done === null ? undefined : () => Atomics.add(done, 0, 1));
}
