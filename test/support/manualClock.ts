/** A clock that stands until a test moves it. */
import type { Cancel, Clock } from '../../core/clock.ts';

export class ManualClock implements Clock {
  #now = 0;
  readonly #waiting = new Set<{ at: number; readonly call: () => void; readonly every: number | null }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): Cancel {
    return this.#add(ms, call, null);
  }

  every(ms: number, call: () => void): Cancel {
    return this.#add(ms, call, ms);
  }

  /** Lets so many ms pass, and calls what falls due meanwhile, in order. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = [...this.#waiting].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = next.at;
      if (next.every === null) this.#waiting.delete(next);
      else next.at += next.every;
      next.call();
    }
    this.#now = until;
  }

  #add(ms: number, call: () => void, every: number | null): Cancel {
    const waiting = { at: this.#now + ms, call, every };
    this.#waiting.add(waiting);
    return () => {
      this.#waiting.delete(waiting);
    };
  }
}
