/**
 * A clock that is wound by its owner: what is due happens in order, at once, and the hours between cost nothing. One for all of
 * a simulation; each simulated process reads it through a clock of its own (process.ts).
 *
 * Between two events all promises that can settle are let settle, so that code with `await` in it runs as if it were alone.
 */
import type { Cancel, Clock } from '../core/clock.ts';

interface Due {
  readonly at: number;
  /** Of what is due at once, what was asked for first comes first. */
  readonly order: number;
  call: (() => void) | null;
}

export class VirtualClock implements Clock {
  #now = 0;
  #asked = 0;
  /** A binary heap, the soonest first. */
  readonly #due: Due[] = [];
  #events = 0;

  now(): number {
    return this.#now;
  }

  /** How much has happened so far. */
  get events(): number {
    return this.#events;
  }

  after(ms: number, call: () => void): Cancel {
    const due: Due = { at: this.#now + Math.max(0, ms), order: this.#asked++, call };
    push(this.#due, due);
    return () => {
      due.call = null;
    };
  }

  every(ms: number, call: () => void): Cancel {
    let over = false;
    let cancel: Cancel = () => {};
    const again = () => {
      if (over) return;
      cancel = this.after(ms, again);
      call();
    };
    cancel = this.after(ms, again);
    return () => {
      over = true;
      cancel();
    };
  }

  /** Time passes at which nothing could happen, as while a machine sleeps: what was due then is due now. */
  leap(ms: number): void {
    this.#now += ms;
  }

  /**
   * Lets time pass until `done`, or until nothing is due any more.
   * @param until the latest moment, in ms @returns whether it is done
   */
  async run(done: () => boolean, until: number): Promise<boolean> {
    await settle();
    while (!done()) {
      const due = pop(this.#due);
      if (due === undefined || due.at > until) return false;
      if (due.call === null) continue;
      this.#now = Math.max(this.#now, due.at);
      this.#events++;
      due.call();
      await settle();
    }
    return true;
  }
}

/** Until no promise is left that can settle without the world's help. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isSooner = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Due[], due: Due): void {
  let at = heap.length;
  heap.push(due);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Due;
    if (!isSooner(due, parent)) break;
    heap[at] = parent;
    heap[above] = due;
    at = above;
  }
}

function pop(heap: Due[]): Due | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isSooner(heap[below + 1] as Due, heap[below] as Due)) below++;
    const child = heap[below] as Due;
    if (!isSooner(child, last)) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
  return first;
}
