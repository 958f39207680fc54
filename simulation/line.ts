/**
 * A line of a network that so many bits a second pass, one segment after the other: an access line of a host, or the network
 * card of the coordinator, which all connections share.
 */

export class Line {
  /** Bytes a millisecond; infinite for a line that is never the bottleneck. */
  readonly #rate: number;
  #freeAt = 0;
  #busyMs = 0;

  /** @param mbit megabits a second */
  constructor(mbit: number) {
    this.#rate = (mbit * 1e6) / 8 / 1000;
  }

  /** Queues a segment. @returns when its last byte has passed */
  pass(bytes: number, now: number): number {
    if (this.#rate === Number.POSITIVE_INFINITY) return now;
    const ms = bytes / this.#rate;
    this.#freeAt = Math.max(now, this.#freeAt) + ms;
    this.#busyMs += ms;
    return this.#freeAt;
  }

  /** How long it has been in use so far. */
  get busyMs(): number {
    return this.#busyMs;
  }
}
