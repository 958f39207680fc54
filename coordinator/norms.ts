/**
 * Whether a gradient is of the size that others have been of late. What a stranger sends may have any size at all; one that is
 * out of line is computed again before it is used. No judgement follows from it alone: an honest one can stand out too.
 */
import { RecentMedian } from './recentMedian.ts';

/** So many times the median, or less than that part of it, is out of line. Honest ones of small leases differ by 2 or 3. */
const FACTOR = 10;
/** The last so many that counted are compared with, over several steps where a step has fewer results. */
const REMEMBERED = 32;
/** With fewer to compare with, everybody is a stranger. */
const LEAST = 3;

export class Norms {
  readonly #norms = new RecentMedian(REMEMBERED);

  /** A result has been accepted. @param norm of its gradient, a target */
  add(norm: number): void {
    this.#norms.add(norm);
  }

  /** The run has gone back: what counted since may have been made up. */
  clear(): void {
    this.#norms.clear();
  }

  /** Whether a result of this norm a target is out of line, or there is too little to tell. */
  isOdd(norm: number): boolean {
    const { count, median } = this.#norms;
    if (count < LEAST || median === null) return true;
    return !(norm <= FACTOR * median && norm >= median / FACTOR);
  }
}
