/** Softmax and log-softmax over the rows of a dense matrix, and their gradients. */
import { exp, logScalar } from './math';
import { firstLanes, fma, fnma, maxLanes, storeUpTo, sumLanes } from './simd';

/** The largest of n elements; −Infinity for none, NaN if any is NaN. */
export function rowMax(x: usize, n: i32): f32 {
  const lowest = f32x4.splat(-Infinity);
  let m = lowest;
  let i = 0;
  for (; i + 4 <= n; i += 4, x += 16) m = f32x4.max(m, v128.load(x));
  if (i < n) m = f32x4.max(m, firstLanes(v128.load(x), lowest, n - i));
  return maxLanes(m);
}

/** Σ e^(x − shift) in four lanes. */
export function rowExpSum(x: usize, n: i32, shift: f32): f32 {
  const m = f32x4.splat(shift);
  let s = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4, x += 16) s = f32x4.add(s, exp(f32x4.sub(v128.load(x), m)));
  if (i < n) s = f32x4.add(s, firstLanes(exp(f32x4.sub(v128.load(x), m)), f32x4.splat(0), n - i));
  return sumLanes(s);
}

/** y = softmax(x), or its logarithm, for each row. */
export function softmax(y: usize, x: usize, rows: i32, cols: i32, logarithm: bool): void {
  const bytes = <usize>cols << 2;
  for (let r = 0; r < rows; ++r, x += bytes, y += bytes) {
    const top = rowMax(x, cols);
    const m = f32x4.splat(top);
    if (logarithm) {
      const l = f32x4.splat(logScalar(rowExpSum(x, cols, top)));
      for (let j = 0; j < cols; j += 4) {
        const at = <usize>j << 2;
        storeUpTo(y + at, f32x4.sub(f32x4.sub(v128.load(x + at), m), l), cols - j);
      }
    } else {
      let sum = f32x4.splat(0);
      for (let j = 0; j < cols; j += 4) {
        const at = <usize>j << 2;
        const e = exp(f32x4.sub(v128.load(x + at), m));
        sum = f32x4.add(sum, firstLanes(e, f32x4.splat(0), cols - j));
        storeUpTo(y + at, e, cols - j);
      }
      const s = f32x4.splat(sumLanes(sum));
      for (let j = 0; j < cols; j += 4) {
        const at = <usize>j << 2;
        storeUpTo(y + at, f32x4.div(v128.load(y + at), s), cols - j);
      }
    }
  }
}

/** dx (+)= y · (g − Σ g·y), or for the logarithm g − e^y · Σ g. */
export function softmaxBackward(
  dx: usize, g: usize, y: usize, rows: i32, cols: i32, logarithm: bool, accumulate: bool,
): void {
  const bytes = <usize>cols << 2;
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  for (let r = 0; r < rows; ++r, dx += bytes, g += bytes, y += bytes) {
    let sum = zero;
    for (let j = 0; j < cols; j += 4) {
      const at = <usize>j << 2;
      // Lanes beyond the row contribute 0 · 0, so that what lies there (a NaN, perhaps) cannot matter.
      const vg = firstLanes(v128.load(g + at), zero, cols - j);
      const factor = logarithm ? one : firstLanes(v128.load(y + at), zero, cols - j);
      sum = fma(vg, factor, sum);
    }
    const s = f32x4.splat(sumLanes(sum));
    for (let j = 0; j < cols; j += 4) {
      const at = <usize>j << 2;
      const vg = v128.load(g + at);
      const vy = v128.load(y + at);
      let d = logarithm ? fnma(exp(vy), s, vg) : f32x4.mul(vy, f32x4.sub(vg, s));
      if (accumulate) d = f32x4.add(v128.load(dx + at), d);
      storeUpTo(dx + at, d, cols - j);
    }
  }
}
