/**
 * Batch norm's running statistics, updated once a step from the pooled statistics of the global batch.
 *
 * A worker sends the statistics of each micro-batch as one flat f32 row: for each batch norm in module order
 * [rows, mean (C), biased variance (C)], C being the channels that have statistics of their own. The pooled mean is the mean of the means, the pooled variance the mean of the
 * variances plus the variance of the means, both weighted by rows and merged in micro-batch order in double precision.
 * With one micro-batch a step this is what torch.nn.BatchNorm1d does.
 */
import type { Backend, Buf } from '../backend/backend.ts';
import { BatchNorm1d } from './layers.ts';
import type { Module } from './module.ts';

/** A model's batch norms in module order. */
export function batchNorms(model: Module): BatchNorm1d[] {
  return [...model.namedModules()].map(([, m]) => m).filter((m) => m instanceof BatchNorm1d);
}

/** The length of one micro-batch's row of statistics. */
export function statisticsLength(norms: readonly BatchNorm1d[]): number {
  return norms.reduce((n, norm) => n + 1 + 2 * norm.running_mean.numel, 0);
}

/** Writes the statistics that the last forward pass left in `norms` to `row`. */
export function collectStatistics(norms: readonly BatchNorm1d[], backend: Backend, row: Buf): void {
  let at = 0;
  for (const norm of norms) {
    const channels = norm.running_mean.numel;
    const s = norm.batchStatistics;
    if (s === null) throw new Error('collectStatistics: a batch norm took no part in the forward pass');
    backend.fill(row.slice(at, 1), s.rows);
    backend.copy(row.slice(at + 1, channels), s.mean);
    backend.copy(row.slice(at + 1 + channels, channels), s.variance);
    at += 1 + 2 * channels;
  }
}

/**
 * Updates `buffers` (the flat vector: running_mean then running_var of each batch norm, in module order) in place.
 * @param rows the micro-batches' rows of statistics, in micro-batch order
 */
export function updateRunningStatistics(
  norms: readonly BatchNorm1d[],
  buffers: Float32Array,
  rows: readonly Float32Array[],
): void {
  let from = 0;
  let to = 0;
  for (const norm of norms) {
    const channels = norm.running_mean.numel;
    for (let c = 0; c < channels; c++) {
      const { mean, variance, count } = pool(rows, from, from + 1 + c, from + 1 + channels + c);
      const unbiased = count > 1 ? (variance * count) / (count - 1) : variance;
      const at = to + c;
      buffers[at] = (1 - norm.momentum) * (buffers[at] as number) + norm.momentum * mean;
      buffers[at + channels] = (1 - norm.momentum) * (buffers[at + channels] as number) + norm.momentum * unbiased;
    }
    from += 1 + 2 * channels;
    to += 2 * channels;
  }
}

function pool(rows: readonly Float32Array[], countAt: number, meanAt: number, varianceAt: number) {
  let count = 0;
  let sum = 0;
  let sumOfVariances = 0;
  for (const row of rows) {
    const n = row[countAt] as number;
    count += n;
    sum += n * (row[meanAt] as number);
    sumOfVariances += n * (row[varianceAt] as number);
  }
  const mean = sum / count;
  let spread = 0;
  for (const row of rows) spread += (row[countAt] as number) * ((row[meanAt] as number) - mean) ** 2;
  return { mean, variance: (sumOfVariances + spread) / count, count };
}
