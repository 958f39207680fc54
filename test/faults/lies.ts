/** Lies: results of the right form that are not what their micro-batches give. Each is made of an honest one. */
import type { Result } from '../../core/protocol/work.ts';

export type Lie = (honest: Result) => Result | Promise<Result>;

export const scaled: Lie = (r) => ({ ...r, gradient: r.gradient.map((x) => 100 * x) });
export const zeros: Lie = (r) => ({ ...r, gradient: new Float32Array(r.gradient.length) });
/** Of the size that it should have. */
export const flipped: Lie = (r) => ({ ...r, gradient: r.gradient.map((x) => -x) });
export const wrongLosses: Lie = (r) => ({ ...r, losses: r.losses.map((x) => 0.99 * x) });
export const wrongStatistics: Lie = (r) => ({ ...r, statistics: r.statistics.map((x) => 1.01 * x) });

/** Sends the gradient of its first result again and again; that one is honest. */
export function replayed(): Lie {
  let first: Float32Array | null = null;
  return (r) => {
    first ??= r.gradient;
    return { ...r, gradient: first };
  };
}

/** Sends what another was the last to find. */
export class Copier {
  readonly #found = Promise.withResolvers<void>();
  #last: Result | null = null;

  /** The other one's result, who sends it as it is. */
  readonly give: Lie = (r) => {
    this.#last = r;
    this.#found.resolve();
    return r;
  };

  readonly copy: Lie = async (r) => {
    await this.#found.promise;
    return { ...r, gradient: this.#last?.gradient ?? r.gradient };
  };
}
