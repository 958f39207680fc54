/**
 * C (+)= A·B in four transpositions: the loops around sweep.ts. B goes in blocks of k and of columns, packed where its own
 * order is wrong (transposed) or too spread out for the cache; strips of A are packed where they are columns far apart.
 *
 * None of this changes a bit: a block of k continues each element's chain from the partial sum in C.
 */
import { packColumns, packRows, packStrip } from './pack';
import { PANEL, STRIP, sweepPacked, sweepStrided } from './sweep';
import { depthFrom, depthTo, wantedColumns } from './triangle';
import { unary } from './unary';

/** Depth and width of a block of B: 512 KiB packed, which a second-level cache holds. */
const BLOCK_K = 256;
const BLOCK_N = 512;
/** A B of more elements than this is packed even when its order is right. */
const PACK_B_ABOVE = 65536;
/** As is a transposed A. */
const PACK_A_ABOVE = 16384;

const STRIP_BYTES = BLOCK_K * 32;

/** The next strip's height: six where the rest can still be cut into strips of four or more. */
// @ts-ignore: decorator
@inline
export function nextRows(left: i32): i32 {
  if (left <= STRIP) return left;
  if (left >= 10) return STRIP;
  return left == 9 ? 5 : 4;
}

/** What a product with an inner dimension of 0 is: nothing added to where it begins. Row strides in bytes. */
export function emptyProduct(c: usize, sc: usize, m: i32, n: i32, accumulate: bool, bias: usize): void {
  if (accumulate) return;
  for (; m > 0; --m, c += sc) {
    if (bias) memory.copy(c, bias, <usize>n << 2);
    else memory.fill(c, 0, <usize>n << 2);
  }
}

/** y = op(c) over a block of rows; the two have the same row stride, in bytes. */
export function activate(op: i32, y: usize, c: usize, stride: usize, rows: i32, cols: i32): void {
  for (; rows > 0; --rows, y += stride, c += stride) unary(op, y, c, cols);
}

/**
 * A is m×k (k×m in memory if transA), B k×n (n×k if transB), C m×n; the leading dimensions, in elements, lead from one row in
 * memory to the next. Every row of C begins at `bias` unless that is 0. If `y` is not 0, y = activation(C) is written beside
 * C, with C's strides, while C is in the cache. For `triangle` and `offset` see triangle.ts.
 */
export function matmul(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, ldc: i32, lda: i32, ldb: i32, transA: bool, transB: bool,
  accumulate: bool, bias: usize, activation: i32, y: usize, triangle: i32, offset: i32, scratch: usize,
): void {
  const sc = <usize>ldc << 2;
  if (k == 0) {
    emptyProduct(c, sc, m, n, accumulate, bias);
    if (y) activate(activation, y, c, sc, m, n);
    return;
  }
  const strip = scratch;
  const block = scratch + STRIP_BYTES;
  const sa = <usize>lda << 2;
  const sbMemory = <usize>ldb << 2;
  const packB = transB || (k * n > PACK_B_ABOVE && m > STRIP);
  const packA = transA && m * min(k, BLOCK_K) > PACK_A_ABOVE && n > 2 * PANEL;
  const stepN = packB ? BLOCK_N : n;
  for (let j = 0; j < n; j += stepN) {
    const nb = min(stepN, n - j);
    for (let p = 0; p < k; p += BLOCK_K) {
      const kb = min(BLOCK_K, k - p);
      const last = p + kb == k;
      let pb: usize;
      let sb: usize;
      let panelStep: usize;
      if (packB) {
        if (transB) packColumns(block, b + <usize>j * sbMemory + (<usize>p << 2), sbMemory, kb, nb);
        else packRows(block, b + <usize>p * sbMemory + (<usize>j << 2), sbMemory, kb, nb);
        pb = block;
        sb = 32;
        panelStep = <usize>kb << 5;
      } else {
        pb = b + <usize>p * sbMemory;
        sb = sbMemory;
        panelStep = 32;
      }
      const again = accumulate || p > 0;
      const fromStep: usize = again ? sc : 0;
      let pc = c + (<usize>j << 2);
      for (let i = 0; i < m; ) {
        const rows = nextRows(m - i);
        const from = again ? pc : bias ? bias + (<usize>j << 2) : 0;
        const cols = wantedColumns(triangle, i + rows, offset, j, nb);
        const start = depthFrom(triangle, i, offset, p, kb);
        const depth = depthTo(triangle, i + rows, offset, p, kb) - start;
        const at = pb + <usize>start * sb;
        if (!transA) {
          const pa = a + <usize>i * sa + (<usize>(p + start) << 2);
          sweepStrided(rows, pc, sc, pa, sa, at, sb, panelStep, cols, depth, from, fromStep);
        } else {
          const pa = a + <usize>(p + start) * sa + (<usize>i << 2);
          if (packA) {
            packStrip(strip, pa, sa, depth);
            sweepPacked(rows, pc, sc, strip, 32, at, sb, panelStep, cols, depth, from, fromStep);
          } else {
            sweepPacked(rows, pc, sc, pa, sa, at, sb, panelStep, cols, depth, from, fromStep);
          }
        }
        if (y && last) activate(activation, y + (pc - c), pc, sc, rows, nb);
        i += rows;
        pc += <usize>rows * sc;
      }
    }
  }
}
