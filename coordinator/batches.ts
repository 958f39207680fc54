/** The data of a round, cut into leases: the step's sampled batch, or a split from its first example to its last. */
import { runLength } from '../core/allreduce/treeSum.ts';
import type { Dataset } from '../core/data/dataset.ts';
import type { Sampler } from '../core/data/sampler.ts';
import type { Work } from '../core/protocol/work.ts';
import type { Recipe } from '../models/recipe.ts';
import type { Block, EvalSplit, Round } from './machine/machine.ts';

/** The most in a micro-batch of an evaluation. Large, since nothing is kept for a backward pass; a wide row fills it alone. */
const EVAL_EXAMPLES = 256;
const EVAL_TARGETS = 1024;

/** How many examples a micro-batch of an evaluation has. */
export const evalMicroBatch = ({ targets }: Dataset): number =>
  Math.min(EVAL_EXAMPLES, Math.max(1, Math.floor(EVAL_TARGETS / targets)));

export class Batches {
  readonly #recipe: Recipe;
  readonly #splits: Readonly<Record<EvalSplit, Dataset>>;
  readonly #sampler: Sampler;
  #sampled: { step: number; indices: Uint32Array } = { step: -1, indices: new Uint32Array(0) };

  constructor(recipe: Recipe, splits: Readonly<Record<EvalSplit, Dataset>>, sampler: Sampler) {
    this.#recipe = recipe;
    this.#sampler = sampler;
    this.#splits = splits;
  }

  get microBatches(): number {
    return Math.ceil(this.#recipe.batch / this.#recipe.microBatch);
  }

  get evalMicroBatches(): Record<EvalSplit, number> {
    const of = (split: EvalSplit) => Math.ceil(this.#splits[split].evalCount / evalMicroBatch(this.#splits[split]));
    return { train: of('train'), val: of('val') };
  }

  /** How many targets each micro-batch of a block has: what the sums that come back are over. */
  counts(round: Round, block: Block): number[] {
    const { targets } = this.#dataset(round);
    return this.#examples(round, block).map((examples) => examples * targets);
  }

  /** The lease of a block. */
  work(round: Round, block: Block): Work {
    const counts = this.#examples(round, block);
    const { lo, size } = block;
    const { seed } = this.#recipe;
    const lease = { round: round.id, mode: round.mode, version: round.step, seed, lo, size, counts };
    const dataset = this.#dataset(round);
    const from = lo * this.#microBatch(round);
    const to = from + counts.reduce((a, b) => a + b, 0);
    const rows =
      round.mode === 'eval' ? dataset.evalRows(from, to) : dataset.draw(this.#indices(round.step).subarray(from, to));
    return { ...lease, ...rows };
  }

  /** How many examples each micro-batch of a block has. */
  #examples(round: Round, { lo, size }: Block): number[] {
    const each = this.#microBatch(round);
    const total = round.mode === 'eval' ? this.#splits[round.split].evalCount : this.#recipe.batch;
    const micro = runLength(lo, size, round.microBatches);
    return Array.from({ length: micro }, (_, i) => Math.min(each, total - (lo + i) * each));
  }

  #dataset(round: Round): Dataset {
    return this.#splits[round.mode === 'eval' ? round.split : 'train'];
  }

  #microBatch(round: Round): number {
    return round.mode === 'eval' ? evalMicroBatch(this.#dataset(round)) : this.#recipe.microBatch;
  }

  #indices(step: number): Uint32Array {
    if (this.#sampled.step !== step) this.#sampled = { step, indices: this.#sampler(step, this.#splits.train.count) };
    return this.#sampled.indices;
  }
}
