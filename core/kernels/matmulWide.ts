/**
 * C (+)= A·B with tile.ts, where V8 packs it into 256-bit registers; matmul.ts otherwise. The bits are the same.
 *
 * B goes in blocks of k and of columns that the second-level cache holds. A strip of A stays in the first-level cache while
 * the panels of a block pass by it: so C is walked along its rows, as the processor prefetches. With the two loops the other
 * way round the smaller caches see less traffic, and 1536×1536×1536 is a seventh slower for waiting on C.
 */
import { activate, emptyProduct, nextRows } from './matmul';
import { panelWidth, packColumnsWide, packRowsWide, packStripWide, STRIP_STEP } from './packWide';
import { sweepPacked, sweepStrided } from './sweep';
import { depthFrom, depthTo, wantedColumns } from './triangle';
import { tileAdjacent, tileStrided, WIDE, ZEROS } from './tile';

const BLOCK_K = 256;
const BLOCK_M = 96;
const BLOCK_N = 768;
/** A B of more elements than this is packed even when its order is right, if enough strips use it. */
const PACK_B_ABOVE = 16384;
const PACK_B_ROWS = 24;
/** As is a transposed A. */
const PACK_A_ABOVE = 16384;

const TILE_BYTES = 512;
/** One strip more than full ones make: the last two of a block may be lower. */
const BLOCK_A_BYTES = BLOCK_K * (BLOCK_M + 6) * 4 + 64;
/** What `scratch` must hold. */
export const MATMUL_WIDE_SCRATCH_BYTES: i32 = TILE_BYTES + BLOCK_A_BYTES + BLOCK_K * BLOCK_N * 4 + 64;

/** See matmul.ts. */
export function matmulWide(
  c: usize, a: usize, b: usize, m: i32, n: i32, k: i32, ldc: i32, lda: i32, ldb: i32, transA: bool, transB: bool,
  accumulate: bool, bias: usize, activation: i32, y: usize, triangle: i32, offset: i32, scratch: usize,
): void {
  const sc = <usize>ldc << 2;
  if (k == 0) {
    emptyProduct(c, sc, m, n, accumulate, bias);
    if (y) activate(activation, y, c, sc, m, n);
    return;
  }
  const blockA = scratch + TILE_BYTES;
  const blockB = blockA + BLOCK_A_BYTES;
  const saMemory = <usize>lda << 2;
  const sbMemory = <usize>ldb << 2;
  const packB = transB || (k * n > PACK_B_ABOVE && m > PACK_B_ROWS);
  const packA = transA && m * min(k, BLOCK_K) > PACK_A_ABOVE && n > 2 * WIDE;
  const stepN = packB ? BLOCK_N : n;
  for (let j = 0; j < n; j += stepN) {
    const nb = min(stepN, n - j);
    for (let p = 0; p < k; p += BLOCK_K) {
      const kb = min(BLOCK_K, k - p);
      const again = accumulate || p > 0;
      let pb = b + <usize>p * sbMemory + (<usize>j << 2);
      if (packB) {
        if (transB) packColumnsWide(blockB, b + <usize>j * sbMemory + (<usize>p << 2), sbMemory, kb, nb);
        else packRowsWide(blockB, pb, sbMemory, kb, nb);
        pb = blockB;
      }
      for (let i = 0; i < m; i += BLOCK_M) {
        const mb = min(BLOCK_M, m - i);
        let pa = transA ? a + <usize>p * saMemory + (<usize>i << 2) : a + <usize>i * saMemory + (<usize>p << 2);
        let sa = saMemory;
        // What leads from one row of A to the next; 0 if packed, where strips of any height are as far apart.
        let rowA: usize = transA ? 4 : saMemory;
        if (packA) {
          let to = blockA;
          for (let r = 0; r < mb; ) {
            const rows = nextRows(mb - r);
            packStripWide(to, pa + (<usize>r << 2), saMemory, kb);
            to += STRIP_STEP * <usize>kb;
            r += rows;
          }
          pa = blockA;
          sa = STRIP_STEP;
          rowA = 0;
        }
        const at = <usize>i * sc + (<usize>j << 2);
        const from = again ? c + at : bias ? bias + (<usize>j << 2) : 0;
        block(
          c + at, sc, pa, sa, rowA, !transA, pb, packB ? 0 : sbMemory, mb, nb, kb, from, again ? sc : 0, scratch,
          triangle, i + offset, i - offset, j, p,
        );
        if (y && p + kb == k) activate(activation, y + at, c + at, sc, mb, nb);
      }
    }
  }
}

/**
 * The strips of one block of A, each past all panels of one block of B. `rowA`, `sbMemory`: 0 if that one is packed. C
 * begins at `from`, or at zero if that is 0. `below` and `above`: the triangle's offset added to, and taken from, the first
 * row's number; j and p: the block's first column and depth.
 */
function block(
  c: usize, sc: usize, a: usize, sa: usize, rowA: usize, strided: bool, b: usize, sbMemory: usize,
  m: i32, n: i32, k: i32, from: usize, fromStep: usize, tile: usize,
  triangle: i32, below: i32, above: i32, j: i32, p: i32,
): void {
  const next: usize = from ? 64 : 0;
  for (let i = 0; i < m; ) {
    const rows = nextRows(m - i);
    let pc = c;
    let pb = b;
    let pf = from ? from : ZEROS;
    const unwanted = n - wantedColumns(triangle, i + rows, below, j, n);
    const start = depthFrom(triangle, i + above, 0, p, k);
    const depth = depthTo(triangle, i + rows, below, p, k) - start;
    const pa = a + <usize>start * (strided ? 4 : sa);
    for (let left = n; left > unwanted; left -= WIDE, pc += 64, pf += next) {
      const sb = sbMemory ? sbMemory : <usize>panelWidth(left) << 2;
      const at = pb + <usize>start * sb;
      if (left <= 8) {
        const f = from ? pf : 0;
        if (strided) sweepStrided(rows, pc, sc, pa, sa, at, sb, 0, left, depth, f, fromStep);
        else sweepPacked(rows, pc, sc, pa, sa, at, sb, 0, left, depth, f, fromStep);
      } else if (left < WIDE) {
        if (strided) tileStrided(rows, tile, 64, pa, sa, at, sb, pf, fromStep, depth);
        else tileAdjacent(rows, tile, 64, pa, sa, at, sb, pf, fromStep, depth);
        copyRows(pc, sc, tile, 64, rows, left);
      } else {
        if (strided) tileStrided(rows, pc, sc, pa, sa, at, sb, pf, fromStep, depth);
        else tileAdjacent(rows, pc, sc, pa, sa, at, sb, pf, fromStep, depth);
      }
      pb += sbMemory ? 64 : <usize>k * sb;
    }
    i += rows;
    c += <usize>rows * sc;
    if (fromStep) from += <usize>rows * fromStep;
    a += rowA ? <usize>rows * rowA : <usize>k * STRIP_STEP;
  }
}

/** The first n of sixteen columns, 8 < n < 16. */
function copyRows(to: usize, toStep: usize, from: usize, fromStep: usize, rows: i32, n: i32): void {
  // The last eight columns overlap the first eight: fewer cases than lanes by count.
  const last = <usize>(n - 8) << 2;
  for (; rows > 0; --rows, to += toStep, from += fromStep) {
    const u = v128.load(from), v = v128.load(from, 16), x = v128.load(from + last), y = v128.load(from + last, 16);
    v128.store(to, u); v128.store(to, v, 16); v128.store(to + last, x); v128.store(to + last, y, 16);
  }
}
