/** What a sweep's runs came to: a row a combination, over its seeds, as figures and as a table. Reads and writes no file. */
import { type Combination, valueInWords } from './grid.ts';

export interface RunOutcome {
  readonly seed: number;
  readonly dir: string;
  /** Null where the run's numbers ran away. */
  readonly result: {
    readonly trainLoss: number;
    readonly valLoss: number;
    readonly seconds: number;
    readonly paramsSha256: string;
  } | null;
}

export interface Spread {
  readonly mean: number;
  /** Over n − 1; null for a single value. */
  readonly deviation: number | null;
}

export interface SweepRow extends Combination {
  /** Over the runs that ended well; null if none did. */
  readonly train: Spread | null;
  readonly val: Spread | null;
  /** Of one run, in the mean. */
  readonly seconds: number | null;
  readonly diverged: number;
  readonly runs: readonly RunOutcome[];
}

export function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length === 1) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** The row of a combination whose runs have been made, some or all. */
export function sweepRow({ label, values }: Combination, runs: readonly RunOutcome[]): SweepRow {
  const results = runs.flatMap(({ result }) => result ?? []);
  return {
    label,
    values,
    train: spread(results.map(({ trainLoss }) => trainLoss)),
    val: spread(results.map(({ valLoss }) => valLoss)),
    seconds: spread(results.map(({ seconds }) => seconds))?.mean ?? null,
    diverged: runs.length - results.length,
    runs,
  };
}

/** Best validation first. A combination of which a run diverged comes after all of which none did. */
export function ranked(rows: readonly SweepRow[]): SweepRow[] {
  const worst = Number.POSITIVE_INFINITY;
  return rows.toSorted(
    (a, b) => Number(a.diverged > 0) - Number(b.diverged > 0) || compare(a.val?.mean ?? worst, b.val?.mean ?? worst),
  );
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

const shown = (value: Spread | null): string =>
  value === null
    ? '-'
    : `${value.mean.toFixed(4)}${value.deviation === null ? '' : ` ± ${value.deviation.toFixed(4)}`}`;

/** The rows as a table in Markdown, which a terminal shows as well: its columns are lined up. */
export function markdownTable(rows: readonly SweepRow[]): string[] {
  const fields = Object.keys(rows[0]?.values ?? {});
  const head = [...fields, 'runs', 'train loss', 'validation loss', 'seconds'];
  const cells = rows.map(({ values, runs, diverged, train, val, seconds }) => [
    ...fields.map((field) => valueInWords(values[field]).replaceAll('|', '\\|')),
    diverged === 0 ? `${runs.length}` : `${runs.length}, ${diverged} diverged`,
    shown(train),
    shown(val),
    seconds === null ? '-' : seconds.toFixed(1),
  ]);
  const widths = head.map((title, i) => Math.max(3, title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)];
}
