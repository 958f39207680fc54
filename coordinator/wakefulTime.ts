/**
 * Time in which a coordinator was awake. A machine that slept, or a process that was stopped, finds that an hour has passed in
 * which no worker can have been heard: that is nobody's pace, and nobody's delay.
 */

/** A gap between two looks that is longer was slept through. It is looked many times a second. */
const ASLEEP_MS = 2000;

export class WakefulTime {
  #seen: number | null = null;
  #slept = 0;

  /** @param now of a clock, milliseconds. @returns the same, less what was slept through */
  at(now: number): number {
    const gap = this.#seen === null ? 0 : now - this.#seen;
    if (gap > ASLEEP_MS) this.#slept += gap - ASLEEP_MS;
    this.#seen = now;
    return now - this.#slept;
  }
}
