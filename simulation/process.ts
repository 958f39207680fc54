/**
 * A simulated process: whatever reaches it from outside (its clock, its sockets, its disk) reaches it through `deliver`, so that
 * it can die or freeze at any point of its work. What a dead one still does between its last breath and the next event has no
 * effect: its links and files ask `isAlive`.
 */
import type { Clock } from '../core/clock.ts';
import type { VirtualClock } from './virtualClock.ts';

export class SimProcess {
  readonly clock: Clock;
  readonly #time: VirtualClock;
  readonly #atDeath: (() => void)[] = [];
  #alive = true;
  /** What has come while it is frozen; null while it is not. */
  #held: (() => void)[] | null = null;
  /** Until then its one thread is at work. */
  #busyUntil = 0;
  #busyMs = 0;

  constructor(time: VirtualClock) {
    this.#time = time;
    this.clock = {
      now: () => time.now(),
      after: (ms, call) => time.after(ms, () => this.deliver(call)),
      every: (ms, call) => {
        // As an interval's, what falls due while it is frozen is one call.
        let waits = false;
        return time.every(ms, () => {
          if (waits) return;
          waits = true;
          this.deliver(() => {
            waits = false;
            call();
          });
        });
      },
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  /** Calls into the process: at once, when it thaws or has the time, or never if it is dead. */
  deliver(call: () => void): void {
    if (!this.#alive) return;
    if (this.#held !== null) this.#held.push(call);
    else if (this.busyForMs > 0) this.#time.after(this.busyForMs, () => this.deliver(call));
    else call();
  }

  /** What it does at present takes so long; what else there is to do waits. Simulated code takes no time by itself. */
  spend(ms: number): void {
    this.#busyUntil = Math.max(this.#busyUntil, this.#time.now()) + ms;
    this.#busyMs += ms;
  }

  /** For how long it is still at work. */
  get busyForMs(): number {
    return Math.max(0, this.#busyUntil - this.#time.now());
  }

  /** How long it has been at work so far. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** What the system does for it when it has died: closes its sockets, forgets what it had not synced. */
  atDeath(call: () => void): void {
    this.#atDeath.push(call);
  }

  /** SIGKILL. @returns whether it lived */
  kill(): boolean {
    if (!this.#alive) return false;
    this.#alive = false;
    this.#held = null;
    for (const call of this.#atDeath) call();
    return true;
  }

  /** SIGSTOP: its sockets stay open, and nothing is read from them. @returns whether it lived and was not frozen */
  freeze(): boolean {
    if (!this.#alive || this.#held !== null) return false;
    this.#held = [];
    return true;
  }

  /** SIGCONT: all that has come meanwhile comes now. */
  thaw(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const call of held) this.#time.after(0, () => this.deliver(call));
  }
}
