/**
 * Whether a gradient is of the size that the others of its step have. What a stranger sends may have any size at all; one that is
 * out of line is computed again before it is used. No judgement follows from it alone: an honest one can stand out too.
 */

/** So many times the median, or less than that part of it, is out of line. Honest ones of small leases differ by 2 or 3. */
const FACTOR = 10;
/** With fewer to compare with, everybody is a stranger. */
const LEAST = 3;

export class Norms {
  /** Gradient norms a target, of this step's results and of the last one's. */
  #now: number[] = [];
  #before: number[] = [];

  /** A step begins. */
  begin(): void {
    if (this.#now.length >= LEAST) this.#before = this.#now;
    this.#now = [];
  }

  /** A result has been accepted. */
  add(norm: number): void {
    this.#now.push(norm);
  }

  /** Whether a result of this norm a target is out of line, or there is too little to tell. */
  isOdd(norm: number): boolean {
    const known = this.#now.length >= LEAST ? this.#now : [...this.#before, ...this.#now];
    if (known.length < LEAST) return true;
    const median = known.toSorted((a, b) => a - b)[known.length >> 1] ?? 0;
    return !(norm <= FACTOR * median && norm >= median / FACTOR);
  }
}
