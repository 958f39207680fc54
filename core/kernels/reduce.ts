/**
 * Sums over rows or columns of a dense matrix. Other reductions are made of these two by core/backend/wasm/collapse.ts.
 *
 * The order is fixed by the shape: blocks keep the rounding error low, and lanes within a block are folded in one order.
 */
import { firstLanes, storeUpTo, sumLanes } from './simd';

/** Elements of a row summed in f32 lanes before the block joins the row's f64 total. */
const ROW_BLOCK = 1024;
/** Rows summed one after the other before the block joins the column's total. */
const COLUMN_BLOCK = 128;

/** Sixteen lanes over one block, then (v0 + v1) + (v2 + v3), then the lanes. */
function blockSum(x: usize, n: i32): f32 {
  let v0 = f32x4.splat(0);
  let v1 = v0;
  let v2 = v0;
  let v3 = v0;
  let i = 0;
  for (; i + 16 <= n; i += 16, x += 64) {
    v0 = f32x4.add(v0, v128.load(x));
    v1 = f32x4.add(v1, v128.load(x, 16));
    v2 = f32x4.add(v2, v128.load(x, 32));
    v3 = f32x4.add(v3, v128.load(x, 48));
  }
  for (; i + 4 <= n; i += 4, x += 16) v0 = f32x4.add(v0, v128.load(x));
  if (i < n) v1 = f32x4.add(v1, firstLanes(v128.load(x), f32x4.splat(0), n - i));
  return sumLanes(f32x4.add(f32x4.add(v0, v1), f32x4.add(v2, v3)));
}

/** dst[i] (+)= Σ_j src[i, j]. */
export function sumRows(dst: usize, src: usize, rows: i32, cols: i32, accumulate: bool): void {
  for (let i = 0; i < rows; ++i, dst += 4) {
    let total: f64 = accumulate ? <f64>load<f32>(dst) : 0;
    for (let j = 0; j < cols; j += ROW_BLOCK) {
      const n = min(ROW_BLOCK, cols - j);
      total += <f64>blockSum(src, n);
      src += <usize>n << 2;
    }
    store<f32>(dst, <f32>total);
  }
}

/**
 * dst[j] (+)= Σ_i src[i, j]: each block of rows on its own, added to what there is. Block by block, so that the rows of one
 * stay within the cache and within the reach of the processor's address cache while the columns are gone through.
 */
export function sumColumns(dst: usize, src: usize, rows: i32, cols: i32, accumulate: bool): void {
  const stride = <usize>cols << 2;
  if (!accumulate) memory.fill(dst, 0, stride);
  for (; rows > 0; rows -= COLUMN_BLOCK, src += stride * COLUMN_BLOCK) addColumns(dst, src, min(rows, COLUMN_BLOCK), cols);
}

function addColumns(dst: usize, src: usize, rows: i32, cols: i32): void {
  const stride = <usize>cols << 2;
  const zero = f32x4.splat(0);
  let j = 0;
  for (; j + 16 <= cols; j += 16, dst += 64, src += 64) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    let p = src;
    for (let i = 0; i < rows; ++i, p += stride) {
      s0 = f32x4.add(s0, v128.load(p));
      s1 = f32x4.add(s1, v128.load(p, 16));
      s2 = f32x4.add(s2, v128.load(p, 32));
      s3 = f32x4.add(s3, v128.load(p, 48));
    }
    s0 = f32x4.add(v128.load(dst), s0);
    s1 = f32x4.add(v128.load(dst, 16), s1);
    s2 = f32x4.add(v128.load(dst, 32), s2);
    s3 = f32x4.add(v128.load(dst, 48), s3);
    v128.store(dst, s0); v128.store(dst, s1, 16); v128.store(dst, s2, 32); v128.store(dst, s3, 48);
  }
  for (; j < cols; j += 4, dst += 16, src += 16) {
    let s = zero;
    let p = src;
    for (let i = 0; i < rows; ++i, p += stride) s = f32x4.add(s, v128.load(p));
    storeUpTo(dst, f32x4.add(v128.load(dst), s), cols - j);
  }
}
