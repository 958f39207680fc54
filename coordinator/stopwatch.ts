/** How long training steps take, pauses left out. Of the coordinator's clock; nothing that is computed depends on it. */
import type { Clock } from '../core/clock.ts';

export class Stopwatch {
  readonly #clock: Clock;
  #openedAt = 0;
  #pausedAt: number | null = null;
  #ms = 0;
  #targets = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A round begins. */
  open(): void {
    this.#openedAt = this.#clock.now();
  }

  get paused(): boolean {
    return this.#pausedAt !== null;
  }

  pause(): void {
    this.#pausedAt ??= this.#clock.now();
  }

  resume(): void {
    // The pause is no part of the round that it fell in.
    if (this.#pausedAt !== null) this.#openedAt += this.#clock.now() - Math.max(this.#pausedAt, this.#openedAt);
    this.#pausedAt = null;
  }

  /** A training step over so many targets has been made in the round. */
  commit(targets: number): { readonly seconds: number; readonly tokensPerSecond: number } {
    const ms = this.#clock.now() - this.#openedAt;
    this.#ms += ms;
    this.#targets += targets;
    return { seconds: ms / 1000, tokensPerSecond: Math.round((targets / ms) * 1000) };
  }

  /** Of all steps together. */
  get tokensPerSecond(): number {
    return this.#ms === 0 ? 0 : Math.round((this.#targets / this.#ms) * 1000);
  }
}
