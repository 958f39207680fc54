/**
 * Turns (state, lease of micro-batches) into (gradient sum, losses, counts, statistics), on any backend.
 *
 * This is the whole of what a worker computes, wherever it runs: a thread, a remote process, a tab. It knows no transport.
 */
import { TreeSum } from '../core/allreduce/treeSum.ts';
import type { Backend, Buf } from '../core/backend/backend.ts';
import {
  type BatchNorm1d,
  batchNorms,
  collectStatistics,
  type Module,
  type Placed,
  place,
  statisticsLength,
} from '../core/nn/index.ts';
import type { Result, State, Work } from '../core/protocol/work.ts';
import { backward, crossEntropy, intTensor, noGrad, type Tensor } from '../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';

export class Compute {
  readonly #backend: Backend;
  readonly #model: Module;
  readonly #norms: BatchNorm1d[];
  readonly #placed: Placed;
  readonly #statistics: Buf;
  readonly #tree: TreeSum;
  #version = -1;

  constructor(backend: Backend, spec: ModelSpec) {
    this.#backend = backend;
    this.#model = buildModel(spec);
    this.#norms = batchNorms(this.#model);
    this.#placed = place(this.#model, backend);
    this.#statistics = backend.alloc(statisticsLength(this.#norms));
    this.#tree = new TreeSum(backend, this.#placed.params.length);
  }

  /** The version of the state that `run` computes with; −1 before the first `load`. */
  get version(): number {
    return this.#version;
  }

  /** The lengths of a result's gradient and of one micro-batch's row of statistics. */
  get lengths(): { gradient: number; statistics: number } {
    return { gradient: this.#placed.grads.length, statistics: this.#statistics.length };
  }

  load({ version, params, buffers }: State): void {
    this.#backend.write(this.#placed.params, params);
    this.#backend.write(this.#placed.buffers, buffers);
    this.#version = version;
  }

  /**
   * Computes a lease. `into` receives the gradient and the statistics and may be reused: the result's are views of it.
   * @throws Error if the lease asks for another version than the loaded one
   */
  async run(work: Work, into: { gradient: Float32Array; statistics: Float32Array }): Promise<Result> {
    if (work.version !== this.#version)
      throw new Error(`the lease is for version ${work.version}, the worker holds ${this.#version}`);
    const losses: number[] = [];
    const xPerRow = work.x.length / sum(work.counts);
    const yPerRow = work.y.length / sum(work.counts);
    const training = work.mode === 'train';
    this.#model.train(training);
    if (training) this.#tree.begin(work.counts.length);
    let row = 0;
    for (const [i, count] of work.counts.entries()) {
      const x = work.x.subarray(row * xPerRow, (row + count) * xPerRow);
      const y = work.y.subarray(row * yPerRow, (row + count) * yPerRow);
      row += count;
      if (training) {
        losses.push(await this.#train(x, y, count));
        this.#tree.add(i, 1, this.#placed.grads);
        const at = i * this.#statistics.length;
        await this.#backend.read(this.#statistics, into.statistics.subarray(at, at + this.#statistics.length));
      } else {
        losses.push(await this.#evaluate(x, y, count));
      }
    }
    if (training) await this.#backend.read(this.#tree.root, into.gradient);
    return {
      round: work.round,
      lo: work.lo,
      size: work.size,
      losses,
      counts: work.counts.map((count) => count * yPerRow),
      gradient: training ? into.gradient : into.gradient.subarray(0, 0),
      statistics: into.statistics.subarray(0, training ? work.counts.length * this.#statistics.length : 0),
    };
  }

  /** Leaves the micro-batch's gradient sum in the flat gradient; gives its loss sum. */
  async #train(x: Uint16Array, y: Uint16Array, count: number): Promise<number> {
    const mark = this.#backend.mark();
    this.#backend.fill(this.#placed.grads, 0);
    const loss = this.#loss(x, y, count);
    backward(loss);
    collectStatistics(this.#norms, this.#backend, this.#statistics);
    const value = await loss.item();
    this.#backend.release(mark);
    return value;
  }

  async #evaluate(x: Uint16Array, y: Uint16Array, count: number): Promise<number> {
    const mark = this.#backend.mark();
    const value = await noGrad(() => this.#loss(x, y, count)).item();
    this.#backend.release(mark);
    return value;
  }

  #loss(x: Uint16Array, y: Uint16Array, count: number): Tensor {
    const logits = this.#model.forward(intTensor(this.#backend, x, [count, x.length / count]));
    return crossEntropy(logits, intTensor(this.#backend, y, [y.length]), { reduction: 'sum' });
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
