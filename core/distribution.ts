/** How many numbers are spread: mean, standard deviation, histogram. For diagnostics; nothing of a trajectory follows from it. */
import type { Distribution } from './protocol/diagnostics.ts';

const BINS = 40;
/** The histogram reaches so many standard deviations from the mean: a lone outlier would leave all else in one bin. */
const REACH = 4;

/**
 * The distribution of `values`, each times `scale`; those that are not finite are left out.
 * The standard deviation is over n. Where there is no spread, the histogram has one bin.
 */
export function distributionOf(values: Float32Array, scale = 1): Distribution {
  let [count, sum, lo, hi] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    count++;
    sum += v;
    if (v < lo) lo = v;
    if (v > hi) hi = v;
  }
  if (count === 0) return { mean: 0, std: 0, histogram: { lo: 0, hi: 0, counts: [0] } };
  const mean = sum / count;
  let squares = 0;
  for (const v of values) if (Number.isFinite(v)) squares += (v - mean) * (v - mean);
  const std = Math.sqrt(squares / count);
  if (!(hi > lo)) return { mean: mean * scale, std: 0, histogram: { lo: lo * scale, hi: hi * scale, counts: [count] } };
  lo = Math.max(lo, mean - REACH * std);
  hi = Math.min(hi, mean + REACH * std);
  const counts = new Array<number>(BINS).fill(0);
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(((v - lo) / (hi - lo)) * BINS)));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { mean: mean * scale, std: std * scale, histogram: { lo: lo * scale, hi: hi * scale, counts } };
}
