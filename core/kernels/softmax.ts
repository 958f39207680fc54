/** Softmax and log-softmax over the rows of a dense matrix, and their gradients. */
import { exp, logScalar } from './math';
import { firstLanes, fma, fnma, maxLanes, storePair, sumLanes, sumPair } from './simd';

/** The largest of n elements; −Infinity for none, NaN if any is NaN. */
export function rowMax(x: usize, n: i32): f32 {
  const lowest = f32x4.splat(-Infinity);
  let m = lowest, k = lowest;
  let i = 0;
  for (; i + 8 <= n; i += 8, x += 32) {
    m = f32x4.max(m, v128.load(x));
    k = f32x4.max(k, v128.load(x, 16));
  }
  m = f32x4.max(m, k);
  for (; i < n; i += 4, x += 16) m = f32x4.max(m, firstLanes(v128.load(x), lowest, n - i));
  return maxLanes(m);
}

/** Σ e^(x − shift) in eight lanes. */
export function rowExpSum(x: usize, n: i32, shift: f32): f32 {
  const m = f32x4.splat(shift);
  const zero = f32x4.splat(0);
  let s = zero, t = zero;
  let i = 0;
  for (; i + 8 <= n; i += 8, x += 32) {
    s = f32x4.add(s, exp(f32x4.sub(v128.load(x), m)));
    t = f32x4.add(t, exp(f32x4.sub(v128.load(x, 16), m)));
  }
  if (i < n) s = f32x4.add(s, firstLanes(exp(f32x4.sub(v128.load(x), m)), zero, n - i));
  if (i + 4 < n) t = f32x4.add(t, firstLanes(exp(f32x4.sub(v128.load(x, 16), m)), zero, n - i - 4));
  return sumPair(s, t);
}

/** y = softmax(x), or its logarithm, for each row. */
export function softmax(y: usize, x: usize, rows: i32, cols: i32, logarithm: bool): void {
  const bytes = <usize>cols << 2;
  const zero = f32x4.splat(0);
  for (let r = 0; r < rows; ++r, x += bytes, y += bytes) {
    const top = rowMax(x, cols);
    const m = f32x4.splat(top);
    if (logarithm) {
      const l = f32x4.splat(logScalar(rowExpSum(x, cols, top)));
      for (let j = 0; j < cols; j += 8) {
        const at = x + (<usize>j << 2);
        const u = f32x4.sub(f32x4.sub(v128.load(at), m), l), v = f32x4.sub(f32x4.sub(v128.load(at, 16), m), l);
        storePair(y + (<usize>j << 2), u, v, cols - j);
      }
    } else {
      let s = zero, t = zero;
      for (let j = 0; j < cols; j += 8) {
        const at = x + (<usize>j << 2);
        const u = exp(f32x4.sub(v128.load(at), m)), v = exp(f32x4.sub(v128.load(at, 16), m));
        s = f32x4.add(s, firstLanes(u, zero, cols - j));
        t = f32x4.add(t, firstLanes(v, zero, cols - j - 4));
        storePair(y + (<usize>j << 2), u, v, cols - j);
      }
      const total = f32x4.splat(sumPair(s, t));
      for (let j = 0; j < cols; j += 8) {
        const at = y + (<usize>j << 2);
        const u = f32x4.div(v128.load(at), total), v = f32x4.div(v128.load(at, 16), total);
        storePair(at, u, v, cols - j);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function gradient(g: usize, y: usize, s: v128, logarithm: bool): v128 {
  const vg = v128.load(g), vy = v128.load(y);
  return logarithm ? fnma(exp(vy), s, vg) : f32x4.mul(vy, f32x4.sub(vg, s));
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
    for (let j = 0; j < cols; j += 8) {
      const at = <usize>j << 2;
      let u = gradient(g + at, y + at, s, logarithm), v = gradient(g + at + 16, y + at + 16, s, logarithm);
      if (accumulate) {
        u = f32x4.add(v128.load(dx + at), u);
        v = f32x4.add(v128.load(dx + at, 16), v);
      }
      storePair(dx + at, u, v, cols - j);
    }
  }
}
