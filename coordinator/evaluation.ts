/** The losses of an evaluation under way, by micro-batch: their mean must not depend on the order of arrival. */
import type { Result } from '../core/protocol/work.ts';

export class EvaluationSum {
  #parts: { readonly loss: number; readonly count: number }[] = [];

  begin(): void {
    this.#parts = [];
  }

  /** Adds micro-batches from `lo` on. */
  accept(lo: number, { losses, counts }: Result): void {
    for (const [i, loss] of losses.entries()) this.#parts[lo + i] = { loss, count: counts[i] as number };
  }

  /** The mean loss over all targets, once all micro-batches are in. */
  get loss(): number {
    let [sum, count] = [0, 0];
    for (const part of this.#parts) {
      sum += part.loss;
      count += part.count;
    }
    return sum / count;
  }
}
