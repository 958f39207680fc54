/** A clock that stands until a test moves it. */
import type { Cancel, Clock } from '../../core/clock.ts';

interface Timer {
  at: number;
  readonly every: number | null;
  readonly call: () => void;
}

export class TestClock implements Clock {
  #now = 1000;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): Cancel {
    return this.#add({ at: this.#now + ms, every: null, call });
  }

  every(ms: number, call: () => void): Cancel {
    return this.#add({ at: this.#now + ms, every: ms, call });
  }

  /** Lets time pass, and calls what is due in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = next.at;
      if (next.every === null) this.#timers.delete(next);
      else next.at += next.every;
      next.call();
    }
    this.#now = end;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}
