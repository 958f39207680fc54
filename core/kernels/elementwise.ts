/** Fill, copy and scale: kernels over one flat run of elements, without a choice of operation. */
import { fma, storeLanes, storePair } from './simd';

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
  if (accumulate) {
    for (let i = 0; i < n; i += 8, dst += 32, x += 32) {
      const u = fma(v128.load(x), s, v128.load(dst)), v = fma(v128.load(x, 16), s, v128.load(dst, 16));
      storePair(dst, u, v, n - i);
    }
  } else {
    for (let i = 0; i < n; i += 8, dst += 32, x += 32) {
      const u = f32x4.mul(v128.load(x), s), v = f32x4.mul(v128.load(x, 16), s);
      storePair(dst, u, v, n - i);
    }
  }
}
