/**
 * The leases of a round that are waited for, by when they should be answered: it finds which of them an idle worker does best
 * to take over.
 */
import type { Lease } from './leases.ts';

/** How much sooner than its holder a worker must be expected to finish a lease, to be handed it too. */
const SOONER = 2;

export class Stragglers {
  /** By their size: among leases of one size, to have more left and to have more left a micro-batch are the same. */
  readonly #bySize = new Map<number, SameSize>();
  /** Not looked at yet: most leases are answered before anybody is idle. */
  #new: Lease[] = [];

  clear(): void {
    this.#bySize.clear();
    this.#new = [];
  }

  add(lease: Lease): void {
    this.#new.push(lease);
  }

  #sortIn(lease: Lease): void {
    const { size } = lease.block;
    let same = this.#bySize.get(size);
    if (same === undefined) {
      same = { size, punctual: new Ascending(), late: new Ascending() };
      this.#bySize.set(size, same);
    }
    same.punctual.insert(lease.due, lease);
  }

  /**
   * Of the leases that a worker would finish well before their holders do, the one that is to be answered last. A lease that is
   * late is expected to take as long again.
   * @param median the worker's pace, ms a micro-batch
   * @param may whether it may have a lease; not, for one, if it holds it
   */
  find(median: number, now: number, may: (lease: Lease) => boolean): Lease | undefined {
    let found: Lease | undefined;
    let latest = now;
    for (const lease of this.#new) if (lease.expected) this.#sortIn(lease);
    this.#new.length = 0;
    for (const { size, punctual, late } of this.#bySize.values()) {
      for (let lease = punctual.takeBelow(now); lease !== undefined; lease = punctual.takeBelow(now))
        if (lease.expected) late.insert(-lease.since, lease);
      const worth = now + SOONER * median * size;
      const punctualOne = punctual.last(Math.max(worth, latest), may);
      if (punctualOne !== undefined) {
        found = punctualOne;
        latest = found.due;
      }
      const lateOne = late.last(Math.max(worth, latest) - 2 * now, may);
      if (lateOne !== undefined) {
        found = lateOne;
        latest = 2 * now - found.since;
      }
    }
    return found;
  }
}

interface SameSize {
  readonly size: number;
  /** Not yet due when last looked at, by when they are due. */
  readonly punctual: Ascending;
  /** Past due, the newest first: by the time since which they are held, negative. */
  readonly late: Ascending;
}

/** Leases in the order of a number that comes with each. */
class Ascending {
  readonly #keys: number[] = [];
  readonly #leases: Lease[] = [];

  /** After its equals. */
  insert(key: number, lease: Lease): void {
    const keys = this.#keys;
    let [lo, hi] = [0, keys.length];
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if ((keys[middle] ?? 0) > key) hi = middle;
      else lo = middle + 1;
    }
    keys.splice(lo, 0, key);
    this.#leases.splice(lo, 0, lease);
  }

  /** Takes out the first, if its number is below `key`. */
  takeBelow(key: number): Lease | undefined {
    const first = this.#keys[0];
    if (first === undefined || first >= key) return undefined;
    this.#keys.shift();
    return this.#leases.shift();
  }

  /** The last that may be had, if its number is above `key`. Forgets those at the end that are not expected any more. */
  last(key: number, may: (lease: Lease) => boolean): Lease | undefined {
    const [keys, leases] = [this.#keys, this.#leases];
    while (leases.at(-1)?.expected === false) {
      leases.pop();
      keys.pop();
    }
    for (let i = leases.length - 1; i >= 0 && (keys[i] ?? 0) > key; i--) {
      const lease = leases[i];
      if (lease?.expected && may(lease)) return lease;
    }
    return undefined;
  }
}
