/** Fill, copy, scale and repeat: kernels over one flat run of elements, without a choice of operation. */
import { fma, storeLanes } from './simd';

/** dst[i] = value. */
export function fill(dst: usize, n: i32, value: f32): void {
  const v = f32x4.splat(value);
  let i = 0;
  for (; i + 4 <= n; i += 4, dst += 16) v128.store(dst, v);
  if (i < n) storeLanes(dst, v, n - i);
}

/** dst[i] = src[i], any 32-bit elements; the two may overlap. */
export function copy(dst: usize, src: usize, n: i32): void {
  memory.copy(dst, src, <usize>n << 2);
}

/** dst (+)= alpha · x; with accumulate, one rounding. */
export function scale(dst: usize, x: usize, n: i32, alpha: f32, accumulate: bool): void {
  const s = f32x4.splat(alpha);
  let i = 0;
  if (accumulate) {
    for (; i + 4 <= n; i += 4, dst += 16, x += 16) v128.store(dst, fma(v128.load(x), s, v128.load(dst)));
    if (i < n) storeLanes(dst, fma(v128.load(x), s, v128.load(dst)), n - i);
  } else {
    for (; i + 4 <= n; i += 4, dst += 16, x += 16) v128.store(dst, f32x4.mul(v128.load(x), s));
    if (i < n) storeLanes(dst, f32x4.mul(v128.load(x), s), n - i);
  }
}

/** dst[i, j] = row[j] for i < rows. */
export function broadcastRows(dst: usize, row: usize, rows: i32, cols: i32): void {
  const bytes = <usize>cols << 2;
  for (let i = 0; i < rows; ++i, dst += bytes) {
    let j = 0;
    for (; j + 4 <= cols; j += 4) v128.store(dst + (<usize>j << 2), v128.load(row + (<usize>j << 2)));
    if (j < cols) storeLanes(dst + (<usize>j << 2), v128.load(row + (<usize>j << 2)), cols - j);
  }
}
