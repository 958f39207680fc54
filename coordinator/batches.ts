/** The data of a round, cut into leases: the step's sampled batch, or a split from its first example to its last. */
import { runLength } from '../core/allreduce/treeSum.ts';
import type { Examples } from '../core/data/contexts.ts';
import { batchIndices, gather } from '../core/data/sampler.ts';
import type { Work } from '../core/protocol/work.ts';
import type { Recipe } from '../models/recipe.ts';
import type { Block, EvalSplit, Round } from './machine.ts';

/** Examples in a micro-batch of an evaluation. Large: nothing is kept for a backward pass. */
const EVAL_MICRO_BATCH = 256;

export class Batches {
  readonly #recipe: Recipe;
  readonly #splits: Readonly<Record<EvalSplit, Examples>>;
  #sampled: { step: number; indices: Uint32Array } = { step: -1, indices: new Uint32Array(0) };

  constructor(recipe: Recipe, splits: Readonly<Record<EvalSplit, Examples>>) {
    this.#recipe = recipe;
    this.#splits = splits;
  }

  get microBatches(): number {
    return Math.ceil(this.#recipe.batch / this.#recipe.microBatch);
  }

  get evalMicroBatches(): Record<EvalSplit, number> {
    const of = (split: EvalSplit) => Math.ceil(this.#splits[split].count / EVAL_MICRO_BATCH);
    return { train: of('train'), val: of('val') };
  }

  /** How many examples each micro-batch of a block has. */
  counts(round: Round, { lo, size }: Block): number[] {
    const [each, total] =
      round.mode === 'train'
        ? [this.#recipe.microBatch, this.#recipe.batch]
        : [EVAL_MICRO_BATCH, this.#splits[round.split].count];
    const micro = runLength(lo, size, round.microBatches);
    return Array.from({ length: micro }, (_, i) => Math.min(each, total - (lo + i) * each));
  }

  /** The lease of a block. */
  work(round: Round, block: Block): Work {
    const counts = this.counts(round, block);
    const rows = counts.reduce((a, b) => a + b, 0);
    const { seed } = this.#recipe;
    const lease = {
      round: round.id,
      mode: round.mode,
      version: round.step,
      seed,
      lo: block.lo,
      size: block.size,
      counts,
    };
    if (round.mode === 'train') {
      const from = block.lo * this.#recipe.microBatch;
      return { ...lease, ...gather(this.#splits.train, this.#indices(round.step), from, from + rows) };
    }
    const { x, y, blockSize } = this.#splits[round.split];
    const from = block.lo * EVAL_MICRO_BATCH;
    return { ...lease, x: x.slice(from * blockSize, (from + rows) * blockSize), y: y.slice(from, from + rows) };
  }

  #indices(step: number): Uint32Array {
    if (this.#sampled.step !== step) {
      const { seed, batch } = this.#recipe;
      this.#sampled = { step, indices: batchIndices(seed, step, batch, this.#splits.train.count) };
    }
    return this.#sampled.indices;
  }
}
