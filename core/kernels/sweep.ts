/**
 * The matmul's innermost part: a strip of 1 to 6 rows of C, swept over all its columns eight at a time. It is neither blocked
 * nor packed: see matmul.ts and pack.ts.
 *
 * Each element of C is one chain of fused multiply-adds over k in ascending order, begun at `from`. The
 * bits therefore depend neither on the strip's height nor on where a caller cuts k, m or n.
 *
 * `rows` and `strided` are literals at every call, so that each instance folds to straight code: twelve accumulators, two
 * vectors of B and one of A, which are the fifteen registers that V8 has to give.
 */
import { fma, storeUpTo } from './simd';

/** Columns of a panel of B. */
export const PANEL: i32 = 8;
/** Rows of a full strip. */
export const STRIP: i32 = 6;

/**
 * C[i, j] = from[i, j] + Σ_p A[i, p] · B[p, j] for i < rows, j < n, p < k; an address of 0 for `from` means zeros. All
 * strides in bytes; `from` is C itself to accumulate, or one row with a stride of 0.
 * Strided: A[i, p] is at a + i·sa + 4p. Otherwise: at a + 4i + p·sa (packed strips, transposed A).
 * B[p, j] of panel q (columns 8q to 8q + 7) is at b + q·panelStep + p·sb; lanes beyond n are computed and not stored.
 */
// @ts-ignore: decorator
@inline
function sweep(
  rows: i32, strided: bool, c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, panelStep: usize,
  n: i32, k: i32, from: usize, fromStep: usize,
): void {
  const zero = f32x4.splat(0);
  for (let left = n; left > 0; left -= PANEL, c += 32, b += panelStep) {
    const c0 = c;
    const c1 = c + sc * 1;
    const c2 = c + sc * 2;
    const c3 = c + sc * 3;
    const c4 = c + sc * 4;
    const c5 = c + sc * 5;
    let v00 = zero, v01 = zero;
    let v10 = zero, v11 = zero;
    let v20 = zero, v21 = zero;
    let v30 = zero, v31 = zero;
    let v40 = zero, v41 = zero;
    let v50 = zero, v51 = zero;
    if (from) {
      { v00 = v128.load(from); v01 = v128.load(from, 16); }
      if (rows > 1) { const f = from + fromStep * 1; v10 = v128.load(f); v11 = v128.load(f, 16); }
      if (rows > 2) { const f = from + fromStep * 2; v20 = v128.load(f); v21 = v128.load(f, 16); }
      if (rows > 3) { const f = from + fromStep * 3; v30 = v128.load(f); v31 = v128.load(f, 16); }
      if (rows > 4) { const f = from + fromStep * 4; v40 = v128.load(f); v41 = v128.load(f, 16); }
      if (rows > 5) { const f = from + fromStep * 5; v50 = v128.load(f); v51 = v128.load(f, 16); }
      from += 32;
    }
    let pb = b;
    if (strided) {
      let p0 = a, p1 = a + sa * 1, p2 = a + sa * 2, p3 = a + sa * 3, p4 = a + sa * 4, p5 = a + sa * 5;
      for (let p = k; p > 0; --p) {
        const b0 = v128.load(pb), b1 = v128.load(pb, 16);
        { const x = v128.load32_splat(p0); v00 = fma(x, b0, v00); v01 = fma(x, b1, v01); p0 += 4; }
        if (rows > 1) { const x = v128.load32_splat(p1); v10 = fma(x, b0, v10); v11 = fma(x, b1, v11); p1 += 4; }
        if (rows > 2) { const x = v128.load32_splat(p2); v20 = fma(x, b0, v20); v21 = fma(x, b1, v21); p2 += 4; }
        if (rows > 3) { const x = v128.load32_splat(p3); v30 = fma(x, b0, v30); v31 = fma(x, b1, v31); p3 += 4; }
        if (rows > 4) { const x = v128.load32_splat(p4); v40 = fma(x, b0, v40); v41 = fma(x, b1, v41); p4 += 4; }
        if (rows > 5) { const x = v128.load32_splat(p5); v50 = fma(x, b0, v50); v51 = fma(x, b1, v51); p5 += 4; }
        pb += sb;
      }
    } else {
      let pa = a;
      for (let p = k; p > 0; --p) {
        const b0 = v128.load(pb), b1 = v128.load(pb, 16);
        { const x = v128.load32_splat(pa, 0); v00 = fma(x, b0, v00); v01 = fma(x, b1, v01); }
        if (rows > 1) { const x = v128.load32_splat(pa, 4); v10 = fma(x, b0, v10); v11 = fma(x, b1, v11); }
        if (rows > 2) { const x = v128.load32_splat(pa, 8); v20 = fma(x, b0, v20); v21 = fma(x, b1, v21); }
        if (rows > 3) { const x = v128.load32_splat(pa, 12); v30 = fma(x, b0, v30); v31 = fma(x, b1, v31); }
        if (rows > 4) { const x = v128.load32_splat(pa, 16); v40 = fma(x, b0, v40); v41 = fma(x, b1, v41); }
        if (rows > 5) { const x = v128.load32_splat(pa, 20); v50 = fma(x, b0, v50); v51 = fma(x, b1, v51); }
        pa += sa;
        pb += sb;
      }
    }
    if (left >= PANEL) {
      { v128.store(c0, v00); v128.store(c0, v01, 16); }
      if (rows > 1) { v128.store(c1, v10); v128.store(c1, v11, 16); }
      if (rows > 2) { v128.store(c2, v20); v128.store(c2, v21, 16); }
      if (rows > 3) { v128.store(c3, v30); v128.store(c3, v31, 16); }
      if (rows > 4) { v128.store(c4, v40); v128.store(c4, v41, 16); }
      if (rows > 5) { v128.store(c5, v50); v128.store(c5, v51, 16); }
    } else {
      storeColumns(c0, v00, v01, left);
      if (rows > 1) storeColumns(c1, v10, v11, left);
      if (rows > 2) storeColumns(c2, v20, v21, left);
      if (rows > 3) storeColumns(c3, v30, v31, left);
      if (rows > 4) storeColumns(c4, v40, v41, left);
      if (rows > 5) storeColumns(c5, v50, v51, left);
    }
  }
}

function storeColumns(c: usize, v0: v128, v1: v128, n: i32): void {
  storeUpTo(c, v0, n);
  if (n > 4) storeUpTo(c + 16, v1, n - 4);
}

function strided1(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(1, true, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function strided2(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(2, true, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function strided3(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(3, true, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function strided4(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(4, true, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function strided5(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(5, true, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function strided6(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(6, true, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function packed1(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(1, false, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function packed2(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(2, false, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function packed3(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(3, false, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function packed4(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(4, false, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function packed5(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(5, false, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
function packed6(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize): void {
  sweep(6, false, c, sc, a, sa, b, sb, ps, n, k, f, sf);
}

/** `sweep` with A in memory order, for any number of rows up to STRIP. */
export function sweepStrided(
  rows: i32, c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize,
): void {
  if (rows == 6) strided6(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 5) strided5(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 4) strided4(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 3) strided3(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 2) strided2(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else strided1(c, sc, a, sa, b, sb, ps, n, k, f, sf);
}

/** `sweep` with the rows of A adjacent, for any number of rows up to STRIP. */
export function sweepPacked(
  rows: i32, c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, ps: usize, n: i32, k: i32, f: usize, sf: usize,
): void {
  if (rows == 6) packed6(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 5) packed5(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 4) packed4(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 3) packed3(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else if (rows == 2) packed2(c, sc, a, sa, b, sb, ps, n, k, f, sf);
  else packed1(c, sc, a, sa, b, sb, ps, n, k, f, sf);
}
