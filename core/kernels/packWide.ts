/**
 * Copies parts of A and B into the order in which tile.ts reads them: panels of B sixteen columns wide (the last one eight,
 * for sweep.ts, where no more are left), strips of A six rows high. Packing moves numbers and never computes with them.
 */
import { WIDE } from './tile';

/** Bytes between the runs of a packed strip of A. */
export const STRIP_STEP: usize = 24;

/** Columns that the panel for the last `left` columns of B is packed to. */
// @ts-ignore: decorator
@inline
export function panelWidth(left: i32): i32 {
  return left > 8 ? WIDE : 8;
}

/**
 * Packs B[0..k, 0..n] into panels: panel q holds k runs of sixteen, anything beyond n. `b` is k×n with a row stride of
 * `stride` bytes. Reads up to 60 bytes beyond a row's end.
 */
export function packRowsWide(to: usize, b: usize, stride: usize, k: i32, n: i32): void {
  // Along the rows, as the processor prefetches and its address cache likes.
  const panel = <usize>k << 6;
  let q = to;
  let r = b;
  for (let i = 0; i < k; ++i, r += stride, q += 64) {
    let p = r;
    let t = q;
    for (let left = n; left > 8; left -= WIDE, p += 64, t += panel) {
      const u = v128.load(p), v = v128.load(p, 16), x = v128.load(p, 32), y = v128.load(p, 48);
      v128.store(t, u); v128.store(t, v, 16); v128.store(t, x, 32); v128.store(t, y, 48);
    }
  }
  for (; n > 8; n -= WIDE, b += 64) to += panel;
  if (n <= 0) return;
  for (let i = 0; i < k; ++i, b += stride, to += 32) {
    const u = v128.load(b), v = v128.load(b, 16);
    v128.store(to, u); v128.store(to, v, 16);
  }
}

/** The same from a transposed B: n×k in memory, with a row stride of `stride` bytes. Lanes beyond n repeat a column. */
export function packColumnsWide(to: usize, b: usize, stride: usize, k: i32, n: i32): void {
  for (; n > 0; n -= WIDE, b += stride << 4) {
    const width = panelWidth(n);
    const step = <usize>width << 2;
    // No row is read beyond the last one: columns that do not exist are copies of column 0.
    for (let j = 0; j < width; j += 4) {
      const b0 = b + (j < n ? <usize>j * stride : 0);
      const b1 = b + (j + 1 < n ? <usize>(j + 1) * stride : 0);
      const b2 = b + (j + 2 < n ? <usize>(j + 2) * stride : 0);
      const b3 = b + (j + 3 < n ? <usize>(j + 3) * stride : 0);
      transposeFour(to + (<usize>j << 2), step, b0, b1, b2, b3, k);
    }
    to += <usize>k * step;
  }
}

/** Four rows of k become k runs of four, `step` bytes apart. */
function transposeFour(to: usize, step: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: i32): void {
  let i = 0;
  for (; i + 4 <= k; i += 4, to += step << 2) {
    const r0 = v128.load(b0), r1 = v128.load(b1), r2 = v128.load(b2), r3 = v128.load(b3);
    const lo01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const hi01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const lo23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const hi23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(lo01, lo23, 0, 2));
    v128.store(to + step, v128.shuffle<f64>(lo01, lo23, 1, 3));
    v128.store(to + step * 2, v128.shuffle<f64>(hi01, hi23, 0, 2));
    v128.store(to + step * 3, v128.shuffle<f64>(hi01, hi23, 1, 3));
    b0 += 16; b1 += 16; b2 += 16; b3 += 16;
  }
  for (; i < k; ++i, to += step) {
    store<f32>(to, load<f32>(b0));
    store<f32>(to, load<f32>(b1), 4);
    store<f32>(to, load<f32>(b2), 8);
    store<f32>(to, load<f32>(b3), 12);
    b0 += 4; b1 += 4; b2 += 4; b3 += 4;
  }
}

/** Packs six adjacent elements from each of k rows, STRIP_STEP bytes apart; `stride` in bytes. Writes 8 bytes beyond. */
export function packStripWide(to: usize, a: usize, stride: usize, k: i32): void {
  for (let i = 0; i < k; ++i, a += stride, to += STRIP_STEP) {
    v128.store(to, v128.load(a));
    store<u64>(to, load<u64>(a, 16), 16);
  }
}
