/**
 * What attention does between its matrix products, on one block of scores at a time (core/backend/wasm/attention.ts loops
 * over the blocks): online softmax after Milakov and Gimelshein (2018), used as in FlashAttention (Dao et al., 2022).
 *
 * With `causal`, row r of a block sees its columns up to r + offset; those beyond have probability 0.
 */
import { exp, logScalar } from './math';
import { firstLanes, fma, storePair, sumPair } from './simd';
import { rowMax } from './softmax';

// @ts-ignore: decorator
@inline
function visible(r: i32, cols: i32, causal: bool, offset: i32): i32 {
  return causal ? max(0, min(cols, r + offset + 1)) : cols;
}

/** e^x of one number, with the same bits as the vector's. */
// @ts-ignore: decorator
@inline
function expScalar(x: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x)), 0);
}

/**
 * Turns the scores s [rows, cols] into e^(s·scale − top) in place, raises each row's running `top`, and rescales its
 * running `sum` and its row of o [rows, dim], rows `ldo` elements apart, to the new one. `first`: nothing has run yet, o is not touched.
 */
export function onlineSoftmax(
  s: usize, o: usize, ldo: i32, top: usize, sum: usize, rows: i32, cols: i32, dim: i32, scale: f32, causal: bool,
  offset: i32, first: bool,
): void {
  const bytes = <usize>cols << 2;
  const width = <usize>ldo << 2;
  const zero = f32x4.splat(0);
  const factor = f32x4.splat(scale);
  for (let r = 0; r < rows; ++r, s += bytes, o += width, top += 4, sum += 4) {
    const n = visible(r, cols, causal, offset);
    const old = load<f32>(top);
    let m = n > 0 ? rowMax(s, n) * scale : <f32>(-Infinity);
    if (!first) m = max<f32>(m, old);
    const shift = f32x4.splat(-m);
    let part = zero, other = zero;
    let j = 0;
    for (; j < n; j += 8) {
      const at = s + (<usize>j << 2);
      const u = firstLanes(exp(fma(v128.load(at), factor, shift)), zero, n - j);
      const v = firstLanes(exp(fma(v128.load(at, 16), factor, shift)), zero, n - j - 4);
      part = f32x4.add(part, u);
      other = f32x4.add(other, v);
      storePair(at, u, v, cols - j);
    }
    for (; j < cols; j += 8) storePair(s + (<usize>j << 2), zero, zero, cols - j);
    store<f32>(top, m);
    if (first) {
      store<f32>(sum, sumPair(part, other));
      continue;
    }
    const shrink = expScalar(old - m);
    store<f32>(sum, load<f32>(sum) * shrink + sumPair(part, other));
    if (m == old) continue;
    const by = f32x4.splat(shrink);
    for (let d = 0; d < dim; d += 8) {
      const at = o + (<usize>d << 2);
      const u = f32x4.mul(v128.load(at), by), v = f32x4.mul(v128.load(at, 16), by);
      storePair(at, u, v, dim - d);
    }
  }
}

/** Divides each row of o by its sum and writes lse = top + log sum. */
export function attentionFinish(o: usize, ldo: i32, lse: usize, top: usize, sum: usize, rows: i32, dim: i32): void {
  const width = <usize>ldo << 2;
  for (let r = 0; r < rows; ++r, o += width, lse += 4, top += 4, sum += 4) {
    const total = load<f32>(sum);
    store<f32>(lse, load<f32>(top) + logScalar(total));
    const by = f32x4.splat(total);
    for (let d = 0; d < dim; d += 8) {
      const at = o + (<usize>d << 2);
      const u = f32x4.div(v128.load(at), by), v = f32x4.div(v128.load(at, 16), by);
      storePair(at, u, v, dim - d);
    }
  }
}

/** dst[r] = Σ_d a[r, d]·b[r, d]; the rows of both are `stride` elements apart. */
export function rowDots(dst: usize, a: usize, b: usize, stride: i32, rows: i32, dim: i32): void {
  const width = <usize>stride << 2;
  const zero = f32x4.splat(0);
  for (let r = 0; r < rows; ++r, a += width, b += width, dst += 4) {
    let s = zero, t = zero;
    let d = 0;
    for (; d + 8 <= dim; d += 8) {
      const at = <usize>d << 2;
      s = fma(v128.load(a + at), v128.load(b + at), s);
      t = fma(v128.load(a + at, 16), v128.load(b + at, 16), t);
    }
    for (; d < dim; d += 4) {
      const at = <usize>d << 2;
      s = fma(firstLanes(v128.load(a + at), zero, dim - d), firstLanes(v128.load(b + at), zero, dim - d), s);
    }
    store<f32>(dst, sumPair(s, t));
  }
}

/**
 * The scores s [rows, cols] become the probabilities p = e^(s·scale − lse), and dp, the gradient of p, becomes that of the
 * unscaled scores: p·(dp − delta)·scale.
 */
export function attentionGradient(
  s: usize, dp: usize, lse: usize, delta: usize, rows: i32, cols: i32, scale: f32, causal: bool, offset: i32,
): void {
  const bytes = <usize>cols << 2;
  const zero = f32x4.splat(0);
  const factor = f32x4.splat(scale);
  for (let r = 0; r < rows; ++r, s += bytes, dp += bytes, lse += 4, delta += 4) {
    const n = visible(r, cols, causal, offset);
    const shift = f32x4.splat(-load<f32>(lse));
    const d = v128.load32_splat(delta);
    let j = 0;
    for (; j < n; j += 8) {
      const at = <usize>j << 2;
      const p = firstLanes(exp(fma(v128.load(s + at), factor, shift)), zero, n - j);
      const q = firstLanes(exp(fma(v128.load(s + at, 16), factor, shift)), zero, n - j - 4);
      const u = f32x4.mul(f32x4.mul(p, f32x4.sub(v128.load(dp + at), d)), factor);
      const v = f32x4.mul(f32x4.mul(q, f32x4.sub(v128.load(dp + at, 16), d)), factor);
      storePair(s + at, p, q, cols - j);
      storePair(dp + at, firstLanes(u, zero, n - j), firstLanes(v, zero, n - j - 4), cols - j);
    }
    for (; j < cols; j += 8) {
      const at = <usize>j << 2;
      storePair(s + at, zero, zero, cols - j);
      storePair(dp + at, zero, zero, cols - j);
    }
  }
}
