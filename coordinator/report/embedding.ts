/** Where a model's embedding puts each symbol: on its own two dimensions, or on the first two principal components. */
import { Embedding } from '../../core/nn/index.ts';
import { symbolsOf } from '../../core/tokenizer/symbol.ts';
import type { TrainedModel } from '../../models/trained.ts';
import { rounded } from './buckets.ts';
import type { EmbeddingPoints } from './report.ts';

/** More than this is no picture. */
const MAX_SYMBOLS = 512;
/** The power iteration stops when the direction turns by less, or after so many turns. */
const TURN = 1e-14;
const MAX_TURNS = 2000;

/** The points of the model's first embedding of the vocabulary; null if it has none. */
export async function embeddingPoints({ model, tokenizer }: TrainedModel): Promise<EmbeddingPoints | null> {
  for (const [name, module] of model.namedModules()) {
    if (!(module instanceof Embedding) || module.weight.shape[0] !== tokenizer.vocabSize) continue;
    const dim = module.weight.shape[1] ?? 0;
    const symbols = symbolsOf(tokenizer, MAX_SYMBOLS);
    const weight = await module.weight.read();
    const rows = symbols.map((_, i) => Array.from(weight.slice(i * dim, (i + 1) * dim)));
    const { points, explained } = project(rows);
    return {
      ...{ name, dim, explained: explained === null ? null : rounded(explained) },
      points: symbols.map((symbol, i) => ({
        symbol,
        x: rounded(points[i]?.[0] ?? 0),
        y: rounded(points[i]?.[1] ?? 0),
      })),
    };
  }
  return null;
}

/** Rows of up to two numbers as they are; of more, their place on the two directions in which they vary most. */
export function project(rows: readonly (readonly number[])[]): {
  readonly points: readonly (readonly [number, number])[];
  /** The part of the variance that the two directions hold; null for rows of up to two numbers. */
  readonly explained: number | null;
} {
  const dim = rows[0]?.length ?? 0;
  if (dim <= 2) return { points: rows.map(([x = 0, y = 0]) => [x, y]), explained: null };
  const means = Array.from({ length: dim }, (_, j) => sum(rows.map((row) => row[j] ?? 0)) / rows.length);
  const centred = rows.map((row) => row.map((x, j) => x - (means[j] ?? 0)));
  const first = direction(centred, []);
  const second = direction(centred, [first]);
  const points = centred.map((row): [number, number] => [dot(row, first), dot(row, second)]);
  const all = sum(centred.map((row) => dot(row, row)));
  return { points, explained: all === 0 ? 1 : sum(points.map(([x, y]) => x * x + y * y)) / all };
}

/** The direction, across those `without`, in which centred rows vary most: the power iteration on their covariance. */
function direction(rows: readonly (readonly number[])[], without: readonly (readonly number[])[]): number[] {
  const dim = rows[0]?.length ?? 0;
  // Begins at no axis and no diagonal, which would be found by chance.
  let at = unit(
    across(
      Array.from({ length: dim }, (_, j) => Math.cos(1 + j * j)),
      without,
    ),
  );
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const next = new Array<number>(dim).fill(0);
    for (const row of rows) {
      const along = dot(row, at);
      for (let j = 0; j < dim; j++) next[j] = (next[j] ?? 0) + along * (row[j] ?? 0);
    }
    const to = unit(across(next, without));
    const turned = 1 - Math.abs(dot(to, at));
    at = to;
    if (turned < TURN) break;
  }
  // A direction has no sign of its own: its largest part is taken as positive.
  const largest = at.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
  return largest < 0 ? at.map((x) => -x) : at;
}

function across(vector: readonly number[], without: readonly (readonly number[])[]): number[] {
  return without.reduce<number[]>(
    (left, other) => {
      const along = dot(left, other);
      return left.map((x, j) => x - along * (other[j] ?? 0));
    },
    [...vector],
  );
}

function unit(vector: readonly number[]): number[] {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? [...vector] : vector.map((x) => x / length);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function dot(a: readonly number[], b: readonly number[]): number {
  let total = 0;
  for (let j = 0; j < a.length; j++) total += (a[j] ?? 0) * (b[j] ?? 0);
  return total;
}
