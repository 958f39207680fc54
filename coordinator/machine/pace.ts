/**
 * How fast a worker has been, and what follows from that: how large its leases are, how long it may keep one, and when what it
 * holds is better handed to another too. Arithmetic on measured times; it reads no clock.
 */
import { RecentMedian } from '../recentMedian.ts';

/** How many of a worker's last answers are remembered. */
const REMEMBERED = 15;

/** A pace of less is not told from none: it would make a worker infinitely fast. */
const LEAST_MS = 1e-3;

/** A worker's last answers of one mode, in milliseconds a micro-batch. */
export class Pace {
  readonly #answers = new RecentMedian(REMEMBERED);

  /** Null before the first answer. */
  get median(): number | null {
    return this.#answers.median;
  }

  /** The median of the answers' distances from their median. */
  get deviation(): number {
    return this.#answers.deviation;
  }

  /** Adds an answer. */
  remember(msPerMicroBatch: number): void {
    this.#answers.add(Math.max(LEAST_MS, msPerMicroBatch));
  }
}

/**
 * A lease is overdue after median + k · deviation a micro-batch. Of answers that are spread normally, ten deviations are
 * nearly seven standard ones; of a worker that has been regular to the millisecond, or has answered once, the deviation is
 * taken as a tenth of the median, so that it has twice its usual time.
 */
const K = 10;
const LEAST_DEVIATION = 0.1;

/** No lease is overdue before: a timer late, a collection of garbage, a page in the background are no news. */
const LEAST_PATIENCE_MS = 500;
/** A worker without a past is given so many times what the slowest of the others is. */
const NEWCOMER = 4;
/** And so much where nobody has a past. */
const FIRST_PATIENCE_MS = 60_000;

/** Milliseconds a micro-batch after which a worker of this past is overdue; null without a past. */
export function longest({ median, deviation }: Pace): number | null {
  return median === null ? null : median + K * Math.max(deviation, LEAST_DEVIATION * median);
}

/**
 * How long a worker may keep a lease, or say nothing of it, before another is handed it too, in ms.
 * @param others the largest `longest` of all workers, null if none has a past
 */
export function patience(pace: Pace, size: number, others: number | null): number {
  const own = longest(pace);
  if (own === null && others === null) return FIRST_PATIENCE_MS;
  return Math.max(LEAST_PATIENCE_MS, (own ?? NEWCOMER * (others ?? 0)) * size);
}

/** A hair more, so that rounding makes no 3.999 of a 4. */
const HAIR = 1 + 1e-9;
/**
 * A lease that goes over a network takes its way, there with parameters and back with a gradient, whatever its size: who deserves
 * nearly the next size gets that, rather than several smaller ones, one after the other.
 */
const NEARLY = 1.25;

/**
 * The largest power of two that is at most a share of `microBatches`, or not much more than it; at least 1.
 * @param travels whether the lease goes over a network
 */
export function leaseSize(microBatches: number, travels: boolean): number {
  const share = Math.max(1, microBatches * (travels ? NEARLY : HAIR));
  return 2 ** Math.floor(Math.log2(share));
}
