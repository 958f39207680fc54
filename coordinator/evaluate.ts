/**
 * The loss of given parameters on one data set, outside a run: the micro-batches of a run's own evaluation, and their sum in
 * its order, so that it is the same number to the last bit. Who computes is the caller's business.
 */
import type { Dataset } from '../core/data/dataset.ts';
import type { Result, Work } from '../core/protocol/work.ts';
import { evalMicroBatch } from './batches.ts';
import { EvaluationSum } from './evaluation.ts';

/** Computes one lease after another, several at a time if it can; `use` reads the result before it returns. */
export interface Evaluator {
  readonly threads: number;
  run(work: Work, use: (result: Result) => void): Promise<void>;
}

/** @param version of the state that the evaluator holds */
export async function evaluate(evaluator: Evaluator, dataset: Dataset, version: number): Promise<number> {
  const sum = new EvaluationSum();
  sum.begin();
  const each = evalMicroBatch(dataset);
  const microBatches = Math.ceil(dataset.evalCount / each);
  let next = 0;
  const takeLeases = async () => {
    while (next < microBatches) {
      const lo = next++;
      await evaluator.run(lease(dataset, version, lo, each), (result) => sum.accept(lo, result));
    }
  };
  // As many leases are cut at a time as are computed: a large split is not copied whole.
  await Promise.all(Array.from({ length: evaluator.threads }, takeLeases));
  return sum.loss;
}

/** The micro-batch `lo`, alone. */
function lease(dataset: Dataset, version: number, lo: number, each: number): Work {
  const from = lo * each;
  const to = Math.min(from + each, dataset.evalCount);
  // An evaluation draws nothing at random: any seed will do.
  const rest = { round: 0, mode: 'eval', version, seed: 0, lo, size: 1, counts: [to - from] } as const;
  return { ...rest, ...dataset.evalRows(from, to) };
}
