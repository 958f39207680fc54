/** Watches a process's memory and open files as the kernel counts them, and judges whether they grow. */
import { readdirSync, readFileSync } from 'node:fs';

/** How often a process is looked at. */
const EVERY_MS = 1000;

export interface Series {
  /** Resident memory in MB (10^6 bytes), a look a second. */
  readonly rss: readonly number[];
  /** Open file descriptors at the same times, those of its links left out. */
  readonly fds: readonly number[];
  /** From the first moment to the last. */
  readonly seconds: number;
}

export class Watch implements Series {
  readonly rss: number[] = [];
  readonly fds: number[] = [];
  readonly #pid: number;
  readonly #links: () => number;
  #timer: NodeJS.Timeout | undefined;
  #startedAt: number | null = null;
  #stoppedAt: number | null = null;

  /**
   * @param pid of a process on this machine, which must have /proc
   * @param links how many it has that come and go, each with a file descriptor
   */
  constructor(pid: number, links: () => number = () => 0) {
    this.#pid = pid;
    this.#links = links;
  }

  /** Begins, unless it has. */
  start(): void {
    if (this.#startedAt !== null) return;
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  stop(): void {
    this.#stoppedAt ??= performance.now();
    clearInterval(this.#timer);
  }

  get seconds(): number {
    const until = this.#stoppedAt ?? performance.now();
    return (until - (this.#startedAt ?? until)) / 1000;
  }

  #look(): void {
    try {
      const kB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1];
      const fds = readdirSync(`/proc/${this.#pid}/fd`).length;
      // Of a process that is ending nothing is left but its name.
      if (kB === undefined) return;
      this.rss.push((Number(kB) * 1024) / 1e6);
      this.fds.push(fds - this.#links());
    } catch {
      // It has ended.
    }
  }
}

/** What still counts as flat, in the series' unit and as a part of its second quarter. */
export interface Allowance {
  readonly absolute: number;
  readonly relative: number;
}

/** A series in short. */
export interface Trend {
  readonly looks: number;
  /** The median of each quarter of the time. */
  readonly quarters: readonly number[];
  readonly peak: number;
  /** From the second quarter's median to the last one's: the first is the process's youth. */
  readonly growth: number;
  /** The most that it may be. */
  readonly allowed: number;
  /** Null where there are too few looks to tell. */
  readonly isFlat: boolean | null;
}

/** Fewer looks tell nothing: all of them would be of a process that is still warming up. */
const LEAST_LOOKS = 60;

export function trendOf(values: readonly number[], { absolute, relative }: Allowance): Trend {
  const looks = values.length;
  const quarters = [0, 1, 2, 3].map((q) => median(values.slice((q * looks) / 4, ((q + 1) * looks) / 4)));
  const [, second = 0, , last = 0] = quarters;
  const growth = last - second;
  const allowed = absolute + relative * second;
  return {
    looks,
    quarters,
    peak: Math.max(0, ...values),
    growth,
    allowed,
    isFlat: looks < LEAST_LOOKS ? null : growth <= allowed,
  };
}

/** 0 of nothing. */
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
