/**
 * What a run asks of its disk, done one after the other, and again until the disk takes it: one that is full or fails holds
 * everything up, and loses nothing. What is written is others' business.
 */
import type { Clock } from '../core/clock.ts';
import { mayPass } from '../core/disk/errors.ts';

/** After an attempt that failed, the next is made after so many ms. */
const RETRY_MS = 3000;
/** ... or after so many times what it took, if that is more: a disk that is nearly full is not written to all the time. */
const REST = 10;

export class DiskQueue {
  readonly #clock: Clock;
  readonly #onStuck: (error: unknown) => void;
  #last: Promise<unknown> = Promise.resolve();
  #givenUp = false;
  #stuck = false;
  #endWait: () => void = () => undefined;

  /** @param onStuck told the error of the first attempt that the disk did not take, and null once it took a later one */
  constructor(clock: Clock, onStuck: (error: unknown) => void) {
    this.#clock = clock;
    this.#onStuck = onStuck;
  }

  /**
   * Calls `attempt` once everything added before has ended, and again as long as what it throws may pass (core/disk/errors.ts).
   * @throws what it throws otherwise, or once this has been given up
   */
  add<T>(attempt: () => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#untilDone(attempt));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** From now on nothing is tried again; what waits for its next attempt has it at once, and it is the last. */
  giveUp(): void {
    this.#givenUp = true;
    this.#endWait();
  }

  async #untilDone<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      const from = this.#clock.now();
      try {
        const result = await attempt();
        if (this.#stuck) {
          this.#stuck = false;
          this.#onStuck(null);
        }
        return result;
      } catch (error) {
        if (this.#givenUp || !mayPass(error)) throw error;
        if (!this.#stuck) {
          this.#stuck = true;
          this.#onStuck(error);
        }
        await this.#wait(Math.max(RETRY_MS, REST * (this.#clock.now() - from)));
      }
    }
  }

  #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(ms, resolve);
    this.#endWait = () => {
      cancel();
      resolve();
    };
    return promise;
  }
}
