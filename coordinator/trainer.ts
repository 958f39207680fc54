/**
 * The numbers of a run: parameters, buffers, optimizer moments; the sum of a step's gradients, and the update from it.
 *
 * After the all-reduce, in one place and one order: divide by the total count, clip by global norm, optimizer, running
 * statistics. It knows no workers: whose gradient it adds does not matter.
 */
import { createHash } from 'node:crypto';
import { TreeSum } from '../core/allreduce/treeSum.ts';
import type { Buf } from '../core/backend/backend.ts';
import type { WasmBackend } from '../core/backend/wasm/wasmBackend.ts';
import type { Checkpoint } from '../core/checkpoint/store.ts';
import { UserError } from '../core/errors.ts';
import {
  type BatchNorm1d,
  batchNorms,
  bufferLayout,
  type FirstValues,
  flatten,
  type Layout,
  type NamedValues,
  parameterLayout,
  statisticsLength,
  unflatten,
  updateRunningStatistics,
} from '../core/nn/index.ts';
import { clipGradNorm } from '../core/optim/clip.ts';
import { createOptimizer, type Optimizer, type Range } from '../core/optim/optimizer.ts';
import { learningRate } from '../core/optim/schedule.ts';
import type { ParameterRecord } from '../core/protocol/diagnostics.ts';
import type { Result, State } from '../core/protocol/work.ts';
import { tokenRanges } from '../models/grow.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import type { Recipe } from '../models/recipe.ts';
import { firstValues } from './draws.ts';
import { parameterRecords } from './parameterRecords.ts';

/** What one update did. */
export interface StepReport {
  /** The mean loss over the global batch, before the update. */
  readonly loss: number;
  readonly lr: number;
  /** The gradient's global norm, before clipping. */
  readonly gradNorm: number;
  /** The targets that the loss is over. */
  readonly count: number;
}

/** The error with which a run ends whose numbers have run away. The last checkpoint is from before that. */
export class Divergence extends UserError {
  /** The step that could not be made. */
  readonly step: number;

  constructor(step: number, what: string) {
    super(
      `training diverged at step ${step} (${what}): lower the rate with --set schedule.lr=..., or clip with --set clipGradNorm=1.`,
    );
    this.step = step;
  }
}

export class Trainer {
  readonly #recipe: Recipe;
  readonly #backend: WasmBackend;
  readonly #norms: BatchNorm1d[];
  readonly #layout: Layout;
  readonly #bufferLayout: Layout;
  readonly #first: () => FirstValues;
  readonly #params: Buf;
  readonly #buffers: Float32Array;
  /** What a gradient is written to on its way into the tree, and the result whose gradient it holds. */
  #arrived: Buf;
  #arrivedOf: Result | null = null;
  readonly #scalar: Buf;
  readonly #tree: TreeSum;
  readonly #optimizer: Optimizer;
  /** The parts of the parameters that are not trained. */
  readonly #frozen: readonly Range[];
  #step = 0;
  #epoch = -1;
  #losses: number[] = [];
  #counts: number[] = [];
  #statistics: Float32Array[] = [];

  /** A model with its first values, drawn as the recipe says. */
  constructor(backend: WasmBackend, recipe: Recipe, spec: ModelSpec) {
    this.#recipe = recipe;
    this.#backend = backend;
    const model = buildModel(spec);
    this.#norms = batchNorms(model);
    this.#layout = parameterLayout(model);
    this.#bufferLayout = bufferLayout(model);
    this.#first = () => firstValues(recipe, buildModel(spec));
    this.#params = backend.alloc(this.#layout.length);
    this.#buffers = new Float32Array(this.#bufferLayout.length);
    this.#scalar = backend.alloc(1);
    this.#tree = new TreeSum(backend, this.#layout.length);
    this.#arrived = this.#tree.lend();
    const { trainTokensFrom: from } = recipe;
    const trained = from === undefined ? [{ offset: 0, length: this.#layout.length }] : tokenRanges(spec, from);
    this.#frozen = gaps(trained, this.#layout.length);
    this.#optimizer = createOptimizer(recipe.optimizer, this.#layout, backend, trained);
    this.restart();
  }

  /** Updates made so far. */
  get step(): number {
    return this.#step;
  }

  get parameterCount(): number {
    return this.#layout.length;
  }

  get statisticsLength(): number {
    return statisticsLength(this.#norms);
  }

  /** The parameters and buffers, as views: valid until the next update. */
  get state(): State {
    return {
      version: this.#step,
      epoch: this.#epoch,
      params: this.#backend.view(this.#params),
      buffers: this.#buffers,
    };
  }

  /** Starts a sum over so many micro-batches. */
  begin(microBatches: number): void {
    this.#tree.begin(microBatches);
    this.#losses = new Array<number>(microBatches);
    this.#counts = new Array<number>(microBatches);
    this.#statistics = new Array<Float32Array>(microBatches);
  }

  /**
   * Whether a result has the lengths and counts that were asked for. What its numbers are is `normOf`'s to say.
   * @returns null, or what is wrong with it, to be said after "it sent"
   */
  flaw(
    { counts, losses, gradient, statistics }: Result,
    expectedCounts: readonly number[],
    training: boolean,
  ): string | null {
    if (counts.length !== expectedCounts.length || counts.some((c, i) => c !== expectedCounts[i]))
      return 'a result for other examples than were asked for';
    if (losses.length !== counts.length) return `${losses.length} losses for ${counts.length} micro-batches`;
    const wanted = training ? this.parameterCount : 0;
    if (gradient.length !== wanted) return `a gradient of ${gradient.length} numbers instead of ${wanted}`;
    const rows = training ? counts.length * this.statisticsLength : 0;
    if (statistics.length !== rows) return `statistics of ${statistics.length} numbers instead of ${rows}`;
    return null;
  }

  /** What of a result is not finite, its gradient aside; null if all is. */
  notFinite({ losses, statistics }: Result): string | null {
    if (!losses.every(Number.isFinite)) return 'a loss that is not finite';
    return statistics.every(Number.isFinite) ? null : 'statistics that are not finite';
  }

  /**
   * The norm of a result's gradient, a target: infinite or NaN if a part of it is, or if it is too large for its squares to be
   * summed. The gradient is then where `accept` adds it from, and is not read again.
   */
  normOf(result: Result): number {
    this.#backend.write(this.#arrived, result.gradient);
    this.#arrivedOf = result;
    this.#backend.sumOfSquares(this.#scalar, this.#arrived);
    return Math.sqrt(this.#backend.view(this.#scalar)[0] as number) / sumInOrder(result.counts);
  }

  /** Adds the sum of micro-batches [lo, lo + size), in which no flaw was found. */
  accept(lo: number, size: number, result: Result): void {
    if (this.#arrivedOf !== result) this.#backend.write(this.#arrived, result.gradient);
    this.#arrivedOf = null;
    this.#tree.add(lo, size, this.#arrived, true);
    this.#arrived = this.#tree.lend();
    const length = this.statisticsLength;
    for (const [i, loss] of result.losses.entries()) {
      this.#losses[lo + i] = loss;
      this.#counts[lo + i] = result.counts[i] as number;
      this.#statistics[lo + i] = result.statistics.slice(i * length, (i + 1) * length);
    }
  }

  /**
   * Makes the update, once all micro-batches have been accepted.
   * @param watch whether to measure what it does to each parameter
   * @throws Divergence if training has diverged: the sum or the new parameters are not finite
   */
  update(watch = false): StepReport & { readonly parameters: ParameterRecord[] | null } {
    const grads = this.#tree.root;
    const count = sumInOrder(this.#counts);
    this.#backend.scale(grads, grads, 1 / count, false);
    // What is not trained has no part in the norm either.
    for (const { offset, length } of this.#frozen) this.#backend.fill(grads.slice(offset, length), 0);
    this.#backend.sumOfSquares(this.#scalar, grads);
    const gradNorm = Math.sqrt(this.#backend.view(this.#scalar)[0] as number);
    if (!Number.isFinite(gradNorm)) throw new Divergence(this.#step + 1, 'the gradient overflowed');
    if (this.#recipe.clipGradNorm !== null) clipGradNorm(this.#backend, grads, gradNorm, this.#recipe.clipGradNorm);
    const lr = learningRate(this.#recipe.schedule, this.#step);
    const before = watch ? this.#backend.view(this.#params).slice() : null;
    this.#optimizer.step(this.#params, grads, lr, this.#step + 1);
    this.#backend.allFinite(this.#scalar, this.#params);
    if (this.#backend.view(this.#scalar)[0] !== 1) throw new Divergence(this.#step + 1, 'the parameters overflowed');
    updateRunningStatistics(this.#norms, this.#buffers, this.#statistics);
    this.#step++;
    const parameters =
      before === null
        ? null
        : parameterRecords(this.#layout, before, this.#backend.view(grads), this.#backend.view(this.#params));
    return { loss: sumInOrder(this.#losses) / count, lr, gradNorm, count, parameters };
  }

  /** A copy of everything a checkpoint must hold: parameters, buffers, moments, by their names. */
  tensors(): NamedValues[] {
    return [
      ...unflatten(this.#layout, this.#backend.view(this.#params)),
      ...unflatten(this.#bufferLayout, this.#buffers),
      ...this.#optimizer.moments.flatMap((m) => unflatten(this.#layout, this.#backend.view(m.buf), `${m.name}/`)),
    ];
  }

  /** Goes back to the beginning: the first values, as the recipe says, and moments of zero. */
  restart(): void {
    const { params, buffers } = this.#first();
    this.#backend.write(this.#params, params);
    this.#buffers.set(buffers);
    for (const { buf } of this.#optimizer.moments) this.#backend.fill(buf, 0);
    this.#step = 0;
    this.#epoch++;
  }

  /** Takes parameters, buffers, moments and step from a checkpoint. @throws UserError if it is of another model */
  restore(checkpoint: Checkpoint): void {
    this.#backend.write(this.#params, flatten(this.#layout, checkpoint));
    this.#buffers.set(flatten(this.#bufferLayout, checkpoint));
    for (const m of this.#optimizer.moments)
      this.#backend.write(m.buf, flatten(this.#layout, checkpoint, `${m.name}/`));
    this.#step = checkpoint.step;
    this.#epoch++;
  }

  /** SHA-256 (hex) of the flat f32 vectors, little-endian. */
  hashes(): { paramsSha256: string; buffersSha256: string } {
    return { paramsSha256: sha256(this.#backend.view(this.#params)), buffersSha256: sha256(this.#buffers) };
  }
}

/** What lies between parts of a vector, before the first and after the last. */
function gaps(parts: readonly Range[], length: number): Range[] {
  const begins = [0, ...parts.map((part) => part.offset + part.length)];
  const ends = [...parts.map((part) => part.offset), length];
  return begins.map((offset, i) => ({ offset, length: (ends[i] ?? length) - offset })).filter((gap) => gap.length > 0);
}

function sumInOrder(numbers: readonly number[]): number {
  let total = 0;
  for (const n of numbers) total += n;
  return total;
}

function sha256(values: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}
