/** Long curves in bounded memory: a bucket a step until there are too many, then neighbours are merged. Means, least and most. */
import type { Curve } from './report.ts';

interface Cell {
  sum: number;
  count: number;
  min: number;
  max: number;
}

interface Bucket {
  /** The last step in it. */
  step: number;
  steps: number;
  readonly cells: Cell[];
}

/** A chart is some 1,200 pixels wide. */
export const MAX_BUCKETS = 2000;

/** A report's numbers are told to so many digits: no chart shows more. */
export const DIGITS = 5;

export const rounded = (x: number): number => (Number.isFinite(x) ? Number(x.toPrecision(DIGITS)) : x);

/** Columns of numbers over steps. */
export class Buckets {
  readonly #columns: number;
  readonly #most: number;
  #buckets: Bucket[] = [];
  #width = 1;

  constructor(columns: number, most = MAX_BUCKETS) {
    this.#columns = columns;
    this.#most = most;
  }

  get steps(): number[] {
    return this.#buckets.map(({ step }) => step);
  }

  /** Adds a step; what is missing or not finite is left out of its column. */
  push(step: number, values: readonly (number | undefined)[]): void {
    let bucket = this.#buckets.at(-1);
    if (bucket === undefined || bucket.steps === this.#width) {
      if (this.#buckets.length === this.#most) this.#halve();
      bucket = { step, steps: 0, cells: Array.from({ length: this.#columns }, empty) };
      this.#buckets.push(bucket);
    }
    bucket.step = step;
    bucket.steps++;
    for (const [i, cell] of bucket.cells.entries()) {
      const value = values[i];
      if (value !== undefined && Number.isFinite(value)) join(cell, { sum: value, count: 1, min: value, max: value });
    }
  }

  /** A column; its spread only where a bucket holds more than a step. */
  curve(column: number): Curve {
    const told = (of: (cell: Cell) => number) =>
      this.#buckets.map(({ cells }) => {
        const cell = cells[column];
        return cell === undefined || cell.count === 0 ? null : rounded(of(cell));
      });
    const spread = this.#width === 1 ? null : { min: told(({ min }) => min), max: told(({ max }) => max) };
    return { mean: told(({ sum, count }) => sum / count), spread };
  }

  #halve(): void {
    const halved: Bucket[] = [];
    for (const [i, bucket] of this.#buckets.entries()) {
      const before = halved.at(-1);
      if (i % 2 === 0 || before === undefined) halved.push(bucket);
      else {
        before.step = bucket.step;
        before.steps += bucket.steps;
        for (const [c, cell] of bucket.cells.entries()) {
          const into = before.cells[c];
          if (into !== undefined) join(into, cell);
        }
      }
    }
    this.#buckets = halved;
    this.#width *= 2;
  }
}

const empty = (): Cell => ({ sum: 0, count: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY });

function join(into: Cell, cell: Cell): void {
  into.sum += cell.sum;
  into.count += cell.count;
  into.min = Math.min(into.min, cell.min);
  into.max = Math.max(into.max, cell.max);
}

/** Some of many, evenly apart, the first and the last among them: every k-th, where k doubles when they get too many. */
export class Thinned<T> {
  readonly #most: number;
  #kept: T[] = [];
  #last: T | undefined;
  #every = 1;
  #seen = 0;

  /** @param most how many are kept at most; the last one comes on top of them where it is not among them */
  constructor(most: number) {
    this.#most = most;
  }

  push(item: T): void {
    this.#last = item;
    if (this.#seen++ % this.#every !== 0) return;
    if (this.#kept.length === this.#most) {
      this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
      this.#every *= 2;
      if ((this.#seen - 1) % this.#every !== 0) return;
    }
    this.#kept.push(item);
  }

  get items(): T[] {
    return this.#last === undefined || this.#kept.at(-1) === this.#last ? this.#kept : [...this.#kept, this.#last];
  }
}
