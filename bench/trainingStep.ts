/**
 * One whole training step on one thread: forward, mean cross-entropy, backward, clip, update. Everything that PyTorch's script
 * does in its step, in process, on one backend with one set of flat vectors; captured once, as a worker's steps are.
 */
import type { Buf, Program } from '../core/backend/backend.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import type { WasmBackend } from '../core/backend/wasm/wasmBackend.ts';
import {
  batchNorms,
  collectStatistics,
  gradients,
  initialise,
  type Placed,
  parameterLayout,
  place,
  statisticsLength,
  updateRunningStatistics,
} from '../core/nn/index.ts';
import { clipGradNorm } from '../core/optim/clip.ts';
import { createOptimizer, type Optimizer } from '../core/optim/optimizer.ts';
import { crossEntropy, intTensor, type Tensor } from '../core/tensor/index.ts';
import { buildModel } from '../models/model.ts';
import type { Workload } from './workloads.ts';

/** The seed of the first parameters, which peers are given too. */
export const SEED = 1337;

export class TrainingStep {
  readonly #workload: Workload;
  readonly #backend: WasmBackend;
  readonly #placed: Placed;
  readonly #optimizer: Optimizer;
  readonly #norms: ReturnType<typeof batchNorms>;
  readonly #statistics: Buf;
  /** The loss; and the sum of the gradient's squares. */
  readonly #scalars: Buf;
  readonly #x: Tensor;
  readonly #y: Tensor;
  readonly #gradient: Program;
  #step = 0;

  static async create(workload: Workload): Promise<TrainingStep> {
    return new TrainingStep(workload, await createWasmBackend());
  }

  private constructor(workload: Workload, backend: WasmBackend) {
    const { batch, block, targets } = workload;
    this.#workload = workload;
    this.#backend = backend;
    const model = buildModel(workload.model);
    this.#placed = place(model, backend);
    const first = initialise(model, SEED);
    backend.write(this.#placed.params, first.params);
    backend.write(this.#placed.buffers, first.buffers);
    this.#optimizer = createOptimizer(workload.optimizer, parameterLayout(model), backend);
    this.#norms = batchNorms(model);
    this.#statistics = backend.alloc(statisticsLength(this.#norms));
    this.#scalars = backend.alloc(2);
    this.#x = intTensor(backend, new Int32Array(batch * block), [batch, block]);
    this.#y = intTensor(backend, new Int32Array(batch * targets), [batch * targets]);
    this.#gradient = backend.capture(() => {
      const loss = crossEntropy(model.forward(this.#x), this.#y);
      gradients(model, loss);
      collectStatistics(this.#norms, backend, this.#statistics);
      backend.copy(this.#scalars.slice(0, 1), loss.buf);
      backend.sumOfSquares(this.#scalars.slice(1, 1), this.#placed.grads);
    });
  }

  get parameterCount(): number {
    return this.#placed.params.length;
  }

  /** Makes a step on inputs [batch, block] and targets [batch, targets]. @returns the mean loss before it */
  run(x: Uint16Array, y: Uint16Array): number {
    const backend = this.#backend;
    const { params, grads, buffers } = this.#placed;
    const { lr, clipGradNorm: maxNorm } = this.#workload;
    backend.writeInts(this.#x.buf, x);
    backend.writeInts(this.#y.buf, y);
    this.#gradient.run();
    const [loss = Number.NaN, squares = Number.NaN] = backend.view(this.#scalars);
    if (maxNorm !== null) clipGradNorm(backend, grads, Math.sqrt(squares), maxNorm);
    this.#optimizer.step(params, grads, lr, ++this.#step);
    if (this.#norms.length > 0)
      updateRunningStatistics(this.#norms, backend.view(buffers), [backend.view(this.#statistics)]);
    return loss;
  }
}
