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
  gradients,
  type Module,
  type Placed,
  place,
  RandomPlace,
  statisticsLength,
} from '../core/nn/index.ts';
import type { Mode, Result, State, Work } from '../core/protocol/work.ts';
import { crossEntropy, intTensor, noGrad, type Tensor } from '../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import { diagnose } from './diagnose.ts';

/** A micro-batch of one shape: where its tokens go, and what is to be run then. Leaves the loss sum in `#loss`. */
interface Step {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly run: () => void;
}

/** Shapes whose steps are kept. A run has four at most: a full and a last micro-batch, in training and in evaluation. */
const MAX_STEPS = 16;

export class Compute {
  readonly #backend: Backend;
  readonly #model: Module;
  readonly #norms: BatchNorm1d[];
  readonly #placed: Placed;
  readonly #statistics: Buf;
  readonly #loss: Buf;
  readonly #randomPlace: RandomPlace;
  readonly #tree: TreeSum;
  readonly #capture: boolean;
  readonly #steps = new Map<string, Step>();
  #version = -1;

  /** @param capture false to run every operation anew instead of replaying a captured step; the bits are the same */
  constructor(backend: Backend, spec: ModelSpec, { capture = true } = {}) {
    this.#backend = backend;
    this.#capture = capture;
    this.#model = buildModel(spec);
    this.#norms = batchNorms(this.#model);
    this.#placed = place(this.#model, backend);
    this.#statistics = backend.alloc(statisticsLength(this.#norms));
    this.#loss = backend.alloc(1);
    this.#randomPlace = new RandomPlace(this.#model, backend);
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
   * @param done called after each micro-batch
   * @throws Error if the lease asks for another version than the loaded one
   */
  async run(
    work: Work,
    into: { gradient: Float32Array; statistics: Float32Array },
    done?: () => void,
  ): Promise<Result> {
    if (work.version !== this.#version)
      throw new Error(`the lease is for version ${work.version}, the worker holds ${this.#version}`);
    if (work.mode === 'diagnose') return this.#diagnose(work);
    const losses: number[] = [];
    const xPerRow = work.x.length / sum(work.counts);
    const yPerRow = work.y.length / sum(work.counts);
    const training = work.mode === 'train';
    if (training) this.#tree.begin(work.counts.length);
    let row = 0;
    for (const [i, count] of work.counts.entries()) {
      const step = this.#step(work.mode, count, count * xPerRow, count * yPerRow);
      this.#backend.writeInts(step.x.buf, work.x.subarray(row * xPerRow, (row + count) * xPerRow));
      this.#backend.writeInts(step.y.buf, work.y.subarray(row * yPerRow, (row + count) * yPerRow));
      this.#randomPlace.set({ seed: work.seed, step: work.version, microBatch: work.lo + i });
      step.run();
      row += count;
      losses.push((await this.#backend.read(this.#loss))[0] as number);
      if (training) {
        this.#tree.add(i, 1, this.#placed.grads);
        const at = i * this.#statistics.length;
        await this.#backend.read(this.#statistics, into.statistics.subarray(at, at + this.#statistics.length));
      }
      done?.();
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

  /** A micro-batch as in training, for the sake of what its layers do. */
  async #diagnose({ round, lo, size, seed, version, counts, x, y }: Work): Promise<Result> {
    const backend = this.#backend;
    const mark = backend.mark();
    try {
      const [count = 0] = counts;
      const ids = intTensor(backend, x, [count, x.length / count]);
      const targets = intTensor(backend, y, [y.length]);
      this.#randomPlace.set({ seed, step: version, microBatch: lo });
      this.#model.train();
      const layers = await diagnose(this.#model, backend, () => this.#train(ids, targets), 1 / y.length);
      const losses = [(await backend.read(this.#loss))[0] as number];
      const empty = new Float32Array(0);
      return { round, lo, size, losses, counts: [y.length], gradient: empty, statistics: empty, layers };
    } finally {
      backend.release(mark);
    }
  }

  /** The step for micro-batches of a shape: captured at its first use. */
  #step(mode: Mode, count: number, xLength: number, yLength: number): Step {
    const key = `${mode} ${count} ${xLength} ${yLength}`;
    const known = this.#steps.get(key);
    if (known !== undefined) return known;
    if (this.#steps.size >= MAX_STEPS) throw new Error(`leases of more than ${MAX_STEPS} shapes in one run`);
    const backend = this.#backend;
    const x = intTensor(backend, new Int32Array(xLength), [count, xLength / count]);
    const y = intTensor(backend, new Int32Array(yLength), [yLength]);
    const body = mode === 'train' ? () => this.#train(x, y) : () => noGrad(() => this.#evaluate(x, y));
    this.#model.train(mode === 'train');
    const eager = () => {
      const mark = backend.mark();
      this.#model.train(mode === 'train');
      body();
      backend.release(mark);
    };
    const program = this.#capture ? backend.capture(body) : null;
    const step = { x, y, run: program === null ? eager : () => program.run() };
    this.#steps.set(key, step);
    return step;
  }

  /** Leaves the micro-batch's gradient sum in the flat gradient. */
  #train(x: Tensor, y: Tensor): void {
    const loss = this.#lossSum(x, y);
    gradients(this.#model, loss);
    collectStatistics(this.#norms, this.#backend, this.#statistics);
    this.#backend.copy(this.#loss, loss.buf);
  }

  #evaluate(x: Tensor, y: Tensor): void {
    this.#backend.copy(this.#loss, this.#lossSum(x, y).buf);
  }

  #lossSum(x: Tensor, y: Tensor): Tensor {
    return crossEntropy(this.#model.forward(x), y, { reduction: 'sum' });
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
