/**
 * The course of a run, in bounded memory: a bucket a step until there are too many, then neighbours are merged, so that a
 * million steps are 4096 buckets at most. Columns of numbers; what they are shown as is the dashboard's business.
 */
import type { Course as Columns, CoursePart } from '../../core/protocol/live.ts';

/** What a bucket is made of. */
export interface CourseStep {
  readonly step: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  readonly tokensPerSecond: number;
}

export const MAX_BUCKETS = 4096;

/** Figures are told to so many digits: a chart shows no more, and they are sent again and again. */
const DIGITS = 6;

type Column = keyof Columns;
/** Columns that are means over a bucket's steps. */
const MEANS = ['loss', 'gradNorm', 'lr', 'tokensPerSecond'] as const;
const COLUMNS: readonly Column[] = ['step', 'loss', 'lossMin', 'lossMax', 'gradNorm', 'lr', 'tokensPerSecond'];

export class Course {
  readonly #columns: Readonly<Record<Column, Float64Array>>;
  /** Steps of each bucket: `#width`, but for the last one, which may be filling. */
  readonly #steps = new Float64Array(MAX_BUCKETS);
  #buckets = 0;
  #width = 1;
  /** Steps in all buckets. */
  #held = 0;
  /** Counts what has been done to them: a reader's mark. */
  #mark = 0;
  /** The mark when buckets were last merged or cut off. */
  #remadeAt = -1;

  constructor() {
    const column = () => new Float64Array(MAX_BUCKETS);
    this.#columns = {
      step: column(),
      loss: column(),
      lossMin: column(),
      lossMax: column(),
      gradNorm: column(),
      lr: column(),
      tokensPerSecond: column(),
    };
  }

  /** A reader's mark: another with every change. */
  get mark(): number {
    return this.#mark;
  }

  /** Adds a step. What is not finite, and so could not be told as JSON, counts as 0. */
  push(report: CourseStep): void {
    const filling = this.#buckets > 0 && (this.#steps[this.#buckets - 1] as number) < this.#width;
    if (!filling && this.#buckets === MAX_BUCKETS) this.#merge();
    const at = filling ? this.#buckets - 1 : this.#buckets++;
    const had = filling ? (this.#steps[at] as number) : 0;
    const { step, lossMin, lossMax } = this.#columns;
    step[at] = report.step;
    const loss = finite(report.loss);
    lossMin[at] = filling ? Math.min(lossMin[at] as number, loss) : loss;
    lossMax[at] = filling ? Math.max(lossMax[at] as number, loss) : loss;
    for (const name of MEANS) {
      const column = this.#columns[name];
      column[at] = mean(column[at] as number, had, finite(report[name]), 1);
    }
    this.#steps[at] = had + 1;
    this.#held++;
    this.#mark++;
  }

  /** The steps after this one have not been made after all; a bucket that has such is dropped. */
  cut(step: number): void {
    const before = this.#buckets;
    while (this.#buckets > 0 && (this.#columns.step[this.#buckets - 1] as number) > step) this.#buckets--;
    if (this.#buckets === before) return;
    // Only the last may have been filling.
    this.#held = this.#buckets * this.#width;
    this.#remadeAt = this.#mark++;
  }

  /** What a reader lacks who has seen everything up to `mark`; from 0 for one who has seen nothing. */
  since(mark: number): CoursePart {
    if (mark === this.#mark) return this.#part(this.#buckets);
    if (mark <= this.#remadeAt) return this.#part(0);
    return this.#part(Math.floor((this.#held - (this.#mark - mark)) / this.#width));
  }

  #part(from: number): CoursePart {
    const told = (name: Column): number[] => Array.from(this.#columns[name].subarray(from, this.#buckets), rounded);
    return {
      from,
      course: {
        step: Array.from(this.#columns.step.subarray(from, this.#buckets)),
        loss: told('loss'),
        lossMin: told('lossMin'),
        lossMax: told('lossMax'),
        gradNorm: told('gradNorm'),
        lr: told('lr'),
        tokensPerSecond: told('tokensPerSecond'),
      },
    };
  }

  /** Halves the buckets, all of which are full. */
  #merge(): void {
    const { step, lossMin, lossMax } = this.#columns;
    const [width, half] = [this.#width, this.#buckets / 2];
    for (let to = 0; to < half; to++) {
      const [a, b] = [2 * to, 2 * to + 1];
      step[to] = step[b] as number;
      lossMin[to] = Math.min(lossMin[a] as number, lossMin[b] as number);
      lossMax[to] = Math.max(lossMax[a] as number, lossMax[b] as number);
      for (const name of MEANS) {
        const column = this.#columns[name];
        column[to] = mean(column[a] as number, width, column[b] as number, width);
      }
      this.#steps[to] = 2 * width;
    }
    for (const name of COLUMNS) this.#columns[name].fill(0, half);
    this.#buckets = half;
    this.#width = 2 * width;
    this.#remadeAt = this.#mark;
  }
}

/** The mean of two means over n and m steps; finite if they are. */
function mean(a: number, n: number, b: number, m: number): number {
  return a * (n / (n + m)) + b * (m / (n + m));
}

const finite = (x: number): number => (Number.isFinite(x) ? x : 0);

const rounded = (x: number): number => Number(x.toPrecision(DIGITS));
