/**
 * One whole training step on one thread: zero the gradients, forward, mean cross-entropy, backward, clip, update. Everything
 * that PyTorch's script does in its step, in process, on one backend with one set of flat vectors.
 */
import type { Buf } from '../core/backend/backend.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import type { WasmBackend } from '../core/backend/wasm/wasmBackend.ts';
import {
  batchNorms,
  collectStatistics,
  initialise,
  type Module,
  type Placed,
  parameterLayout,
  place,
  statisticsLength,
  updateRunningStatistics,
} from '../core/nn/index.ts';
import { clipGradNorm } from '../core/optim/clip.ts';
import { createOptimizer, type Optimizer } from '../core/optim/optimizer.ts';
import { backward, crossEntropy, intTensor } from '../core/tensor/index.ts';
import { gpt } from '../models/gpt.ts';
import { buildModel } from '../models/model.ts';
import type { Workload } from './workloads.ts';

/** The seed of the first parameters, which peers are given too. */
export const SEED = 1337;

export function workloadModel({ model }: Workload): Module {
  return model.name === 'gpt' ? gpt(model) : buildModel(model);
}

export class TrainingStep {
  readonly #workload: Workload;
  readonly #backend: WasmBackend;
  readonly #model: Module;
  readonly #placed: Placed;
  readonly #optimizer: Optimizer;
  readonly #norms: ReturnType<typeof batchNorms>;
  readonly #statistics: Buf;
  readonly #scalar: Buf;
  #step = 0;

  static async create(workload: Workload): Promise<TrainingStep> {
    return new TrainingStep(workload, await createWasmBackend());
  }

  private constructor(workload: Workload, backend: WasmBackend) {
    this.#workload = workload;
    this.#backend = backend;
    this.#model = workloadModel(workload);
    this.#placed = place(this.#model, backend);
    const first = initialise(this.#model, SEED);
    backend.write(this.#placed.params, first.params);
    backend.write(this.#placed.buffers, first.buffers);
    this.#optimizer = createOptimizer(workload.optimizer, parameterLayout(this.#model), backend);
    this.#norms = batchNorms(this.#model);
    this.#statistics = backend.alloc(statisticsLength(this.#norms));
    this.#scalar = backend.alloc(1);
  }

  get parameterCount(): number {
    return this.#placed.params.length;
  }

  /** Makes a step on inputs [batch, block] and targets [batch, targets]. @returns the mean loss before it */
  run(x: Uint16Array, y: Uint16Array): number {
    const backend = this.#backend;
    const { params, grads } = this.#placed;
    const { batch, block, lr } = this.#workload;
    const mark = backend.mark();
    backend.fill(grads, 0);
    const logits = this.#model.forward(intTensor(backend, x, [batch, block]));
    const loss = crossEntropy(logits, intTensor(backend, y, [y.length]));
    backward(loss);
    this.#clip(grads);
    this.#optimizer.step(params, grads, lr, ++this.#step);
    this.#updateStatistics();
    const value = backend.view(loss.buf)[0] as number;
    backend.release(mark);
    return value;
  }

  #clip(grads: Buf): void {
    const { clipGradNorm: maxNorm } = this.#workload;
    if (maxNorm === null) return;
    this.#backend.sumOfSquares(this.#scalar, grads);
    const norm = Math.sqrt(this.#backend.view(this.#scalar)[0] as number);
    clipGradNorm(this.#backend, grads, norm, maxNorm);
  }

  #updateStatistics(): void {
    if (this.#norms.length === 0) return;
    collectStatistics(this.#norms, this.#backend, this.#statistics);
    const buffers = this.#backend.view(this.#placed.buffers);
    updateRunningStatistics(this.#norms, buffers, [this.#backend.view(this.#statistics)]);
  }
}
