/**
 * Merges the dimensions of a strided operation into as few as have the same effect, so that kernels see long rows and few
 * loops. One instance is reused for every call and holds the latest result: nothing is allocated per call.
 */

export class Collapsed {
  /** How many dimensions are left; 0 for a single element. */
  rank = 0;
  /** Elements in all; 0 if any dimension is empty (the rest then means nothing). */
  count = 0;
  /** One more than the largest offset that each operand reaches. */
  aExtent = 0;
  bExtent = 0;
  /** Sizes and strides in elements, the innermost dimension first. Entries from `rank` on are stale. */
  readonly sizes: number[] = [];
  readonly aStrides: number[] = [];
  readonly bStrides: number[] = [];

  /** Drops dimensions of size 1; merges neighbours that both operands walk as one. Throws if the lengths differ. */
  set(shape: readonly number[], aStrides: readonly number[], bStrides: readonly number[]): void {
    if (aStrides.length !== shape.length || bStrides.length !== shape.length)
      throw new RangeError(`strides must be as many as the dimensions of [${shape}]`);
    const { sizes, aStrides: a, bStrides: b } = this;
    let rank = 0;
    let count = 1;
    let aExtent = 1;
    let bExtent = 1;
    for (let d = shape.length - 1; d >= 0; d--) {
      const n = shape[d];
      count *= n;
      if (n === 1) continue;
      const as = aStrides[d];
      const bs = bStrides[d];
      aExtent += (n - 1) * as;
      bExtent += (n - 1) * bs;
      const last = rank - 1;
      if (rank > 0 && as === sizes[last] * a[last] && bs === sizes[last] * b[last]) {
        sizes[last] *= n;
      } else {
        sizes[rank] = n;
        a[rank] = as;
        b[rank] = bs;
        rank++;
      }
    }
    this.rank = rank;
    this.count = count;
    this.aExtent = count === 0 ? 0 : aExtent;
    this.bExtent = count === 0 ? 0 : bExtent;
  }
}
