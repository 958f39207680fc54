/**
 * The wide micro-kernel: one tile of C, 1 to 6 rows by 16 columns, over a block of k. Same chains and so the same bits as
 * sweep.ts; fast only where V8 packs pairs of vectors into 256-bit registers (--experimental-wasm-revectorize), since 24
 * accumulators are more than 128-bit code has registers for.
 *
 * V8 packs backwards from adjacent stores. A load between two of them breaks the pack, as does a branch around either: hence
 * the chains always begin with what lies at `from` (C itself, or zeros), nothing is read after the loop, and a tile is
 * always stored whole. A caller that wants fewer columns passes a tile of its own and copies.
 *
 * `rows` and `strided` are literals at every call, so that each instance folds to straight code.
 */

import { fma } from './simd';

/** Columns of a tile, and of a panel of B. */
export const WIDE: i32 = 16;

/** Where to begin instead of at C: sixteen zeros, a stride of 0 apart. */
// @ts-ignore: decorator
@lazy
export const ZEROS: usize = memory.data(64, 16);

// @ts-ignore: decorator
@inline
function start(row: i32, rows: i32, from: usize): v128 {
  return row < rows ? v128.load(from) : f32x4.splat(0);
}

/**
 * C[i, j] = from[i, j] + Σ_p A[i, p] · B[p, j] for i < rows, j < 16, p < k. All strides in bytes.
 * Strided: A[i, p] is at a + i·sa + 4p. Otherwise: at a + 4i + p·sa. B[p, j] is at b + p·sb + 4j.
 */
// @ts-ignore: decorator
@inline
function tile(
  rows: i32, strided: bool, c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fromStep: usize, k: i32,
): void {
  const c0 = c;
  const c1 = c + sc * 1;
  const c2 = c + sc * 2;
  const c3 = c + sc * 3;
  const c4 = c + sc * 4;
  const c5 = c + sc * 5;
  const f0 = from;
  const f1 = from + fromStep * 1;
  const f2 = from + fromStep * 2;
  const f3 = from + fromStep * 3;
  const f4 = from + fromStep * 4;
  const f5 = from + fromStep * 5;
  let v00 = start(0, rows, f0), v01 = start(0, rows, f0 + 16), v02 = start(0, rows, f0 + 32), v03 = start(0, rows, f0 + 48);
  let v10 = start(1, rows, f1), v11 = start(1, rows, f1 + 16), v12 = start(1, rows, f1 + 32), v13 = start(1, rows, f1 + 48);
  let v20 = start(2, rows, f2), v21 = start(2, rows, f2 + 16), v22 = start(2, rows, f2 + 32), v23 = start(2, rows, f2 + 48);
  let v30 = start(3, rows, f3), v31 = start(3, rows, f3 + 16), v32 = start(3, rows, f3 + 32), v33 = start(3, rows, f3 + 48);
  let v40 = start(4, rows, f4), v41 = start(4, rows, f4 + 16), v42 = start(4, rows, f4 + 32), v43 = start(4, rows, f4 + 48);
  let v50 = start(5, rows, f5), v51 = start(5, rows, f5 + 16), v52 = start(5, rows, f5 + 32), v53 = start(5, rows, f5 + 48);
  if (strided) {
    let a0 = a, a1 = a + sa * 1, a2 = a + sa * 2, a3 = a + sa * 3, a4 = a + sa * 4, a5 = a + sa * 5;
    for (; k > 0; --k) {
      const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
      {
        const x = v128.load32_splat(a0);
        v00 = fma(x, b0, v00); v01 = fma(x, b1, v01);
        v02 = fma(x, b2, v02); v03 = fma(x, b3, v03);
        a0 += 4;
      }
      if (rows > 1) {
        const x = v128.load32_splat(a1);
        v10 = fma(x, b0, v10); v11 = fma(x, b1, v11);
        v12 = fma(x, b2, v12); v13 = fma(x, b3, v13);
        a1 += 4;
      }
      if (rows > 2) {
        const x = v128.load32_splat(a2);
        v20 = fma(x, b0, v20); v21 = fma(x, b1, v21);
        v22 = fma(x, b2, v22); v23 = fma(x, b3, v23);
        a2 += 4;
      }
      if (rows > 3) {
        const x = v128.load32_splat(a3);
        v30 = fma(x, b0, v30); v31 = fma(x, b1, v31);
        v32 = fma(x, b2, v32); v33 = fma(x, b3, v33);
        a3 += 4;
      }
      if (rows > 4) {
        const x = v128.load32_splat(a4);
        v40 = fma(x, b0, v40); v41 = fma(x, b1, v41);
        v42 = fma(x, b2, v42); v43 = fma(x, b3, v43);
        a4 += 4;
      }
      if (rows > 5) {
        const x = v128.load32_splat(a5);
        v50 = fma(x, b0, v50); v51 = fma(x, b1, v51);
        v52 = fma(x, b2, v52); v53 = fma(x, b3, v53);
        a5 += 4;
      }
      b += sb;
    }
  } else {
    for (; k > 0; --k) {
      const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
      {
        const x = v128.load32_splat(a);
        v00 = fma(x, b0, v00); v01 = fma(x, b1, v01);
        v02 = fma(x, b2, v02); v03 = fma(x, b3, v03);
      }
      if (rows > 1) {
        const x = v128.load32_splat(a, 4);
        v10 = fma(x, b0, v10); v11 = fma(x, b1, v11);
        v12 = fma(x, b2, v12); v13 = fma(x, b3, v13);
      }
      if (rows > 2) {
        const x = v128.load32_splat(a, 8);
        v20 = fma(x, b0, v20); v21 = fma(x, b1, v21);
        v22 = fma(x, b2, v22); v23 = fma(x, b3, v23);
      }
      if (rows > 3) {
        const x = v128.load32_splat(a, 12);
        v30 = fma(x, b0, v30); v31 = fma(x, b1, v31);
        v32 = fma(x, b2, v32); v33 = fma(x, b3, v33);
      }
      if (rows > 4) {
        const x = v128.load32_splat(a, 16);
        v40 = fma(x, b0, v40); v41 = fma(x, b1, v41);
        v42 = fma(x, b2, v42); v43 = fma(x, b3, v43);
      }
      if (rows > 5) {
        const x = v128.load32_splat(a, 20);
        v50 = fma(x, b0, v50); v51 = fma(x, b1, v51);
        v52 = fma(x, b2, v52); v53 = fma(x, b3, v53);
      }
      a += sa;
      b += sb;
    }
  }
  { v128.store(c0, v00); v128.store(c0, v01, 16); v128.store(c0, v02, 32); v128.store(c0, v03, 48); }
  if (rows > 1) { v128.store(c1, v10); v128.store(c1, v11, 16); v128.store(c1, v12, 32); v128.store(c1, v13, 48); }
  if (rows > 2) { v128.store(c2, v20); v128.store(c2, v21, 16); v128.store(c2, v22, 32); v128.store(c2, v23, 48); }
  if (rows > 3) { v128.store(c3, v30); v128.store(c3, v31, 16); v128.store(c3, v32, 32); v128.store(c3, v33, 48); }
  if (rows > 4) { v128.store(c4, v40); v128.store(c4, v41, 16); v128.store(c4, v42, 32); v128.store(c4, v43, 48); }
  if (rows > 5) { v128.store(c5, v50); v128.store(c5, v51, 16); v128.store(c5, v52, 32); v128.store(c5, v53, 48); }
}

function strided1(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(1, true, c, sc, a, sa, b, sb, from, fs, k);
}
function strided2(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(2, true, c, sc, a, sa, b, sb, from, fs, k);
}
function strided3(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(3, true, c, sc, a, sa, b, sb, from, fs, k);
}
function strided4(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(4, true, c, sc, a, sa, b, sb, from, fs, k);
}
function strided5(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(5, true, c, sc, a, sa, b, sb, from, fs, k);
}
function strided6(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(6, true, c, sc, a, sa, b, sb, from, fs, k);
}
function adjacent1(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(1, false, c, sc, a, sa, b, sb, from, fs, k);
}
function adjacent2(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(2, false, c, sc, a, sa, b, sb, from, fs, k);
}
function adjacent3(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(3, false, c, sc, a, sa, b, sb, from, fs, k);
}
function adjacent4(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(4, false, c, sc, a, sa, b, sb, from, fs, k);
}
function adjacent5(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(5, false, c, sc, a, sa, b, sb, from, fs, k);
}
function adjacent6(c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32): void {
  tile(6, false, c, sc, a, sa, b, sb, from, fs, k);
}

/** `tile` with A in memory order. `rows`: 1 to 6. */
export function tileStrided(
  rows: i32, c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32,
): void {
  if (rows == 6) strided6(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 5) strided5(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 4) strided4(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 3) strided3(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 2) strided2(c, sc, a, sa, b, sb, from, fs, k);
  else strided1(c, sc, a, sa, b, sb, from, fs, k);
}

/** `tile` with the rows of A adjacent: packed, or transposed in memory. `rows`: 1 to 6. */
export function tileAdjacent(
  rows: i32, c: usize, sc: usize, a: usize, sa: usize, b: usize, sb: usize, from: usize, fs: usize, k: i32,
): void {
  if (rows == 6) adjacent6(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 5) adjacent5(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 4) adjacent4(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 3) adjacent3(c, sc, a, sa, b, sb, from, fs, k);
  else if (rows == 2) adjacent2(c, sc, a, sa, b, sb, from, fs, k);
  else adjacent1(c, sc, a, sa, b, sb, from, fs, k);
}
