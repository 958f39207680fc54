/**
 * Batch norm over the rows of a dense [rows, channels] matrix, channels last, four channels at a time.
 * Mean and variance in two passes; division and square root are exact in every engine.
 */
import { fma, storeUpTo } from './simd';

/** Rows summed before the block joins the total (less rounding error than one long chain). */
const ROW_BLOCK = 128;

/**
 * Within a block, rows go to four sums in turn, whose additions need not wait for one another; those left over go to the
 * first.
 */
// @ts-ignore: decorator
@inline
function fold(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

// @ts-ignore: decorator
@inline
function addSquare(x: usize, mean: v128, sum: v128): v128 {
  const d = f32x4.sub(v128.load(x), mean);
  return fma(d, d, sum);
}

/** sum + g·x̂. */
// @ts-ignore: decorator
@inline
function addProduct(g: v128, x: usize, mean: v128, s: v128, sum: v128): v128 {
  return fma(g, f32x4.mul(f32x4.sub(v128.load(x), mean), s), sum);
}

/** Σ_i x[i] over four columns. */
// @ts-ignore: decorator
@inline
function columnSum(x: usize, rows: i32, stride: usize): v128 {
  let total = f32x4.splat(0);
  for (let block = 0; block < rows; block += ROW_BLOCK) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    const end = min(rows, block + ROW_BLOCK);
    let i = block;
    for (; i + 4 <= end; i += 4, x += stride << 2) {
      s0 = f32x4.add(s0, v128.load(x));
      s1 = f32x4.add(s1, v128.load(x + stride));
      s2 = f32x4.add(s2, v128.load(x + stride * 2));
      s3 = f32x4.add(s3, v128.load(x + stride * 3));
    }
    for (; i < end; ++i, x += stride) s0 = f32x4.add(s0, v128.load(x));
    total = f32x4.add(total, fold(s0, s1, s2, s3));
  }
  return total;
}

/** Σ_i (x[i] − mean)² over four columns. */
// @ts-ignore: decorator
@inline
function columnSquares(x: usize, rows: i32, stride: usize, mean: v128): v128 {
  let total = f32x4.splat(0);
  for (let block = 0; block < rows; block += ROW_BLOCK) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    const end = min(rows, block + ROW_BLOCK);
    let i = block;
    for (; i + 4 <= end; i += 4, x += stride << 2) {
      s0 = addSquare(x, mean, s0);
      s1 = addSquare(x + stride, mean, s1);
      s2 = addSquare(x + stride * 2, mean, s2);
      s3 = addSquare(x + stride * 3, mean, s3);
    }
    for (; i < end; ++i, x += stride) s0 = addSquare(x, mean, s0);
    total = f32x4.add(total, fold(s0, s1, s2, s3));
  }
  return total;
}

// @ts-ignore: decorator
@inline
function inverseDeviation(variance: v128, eps: f32): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(eps))));
}

/** y = (x − mean) / sqrt(variance + eps) · weight + bias over four columns, of which `left` are real. */
// @ts-ignore: decorator
@inline
function normalise(
  y: usize, x: usize, rows: i32, stride: usize, mean: v128, variance: v128, weight: v128, bias: v128, eps: f32, left: i32,
): void {
  const factor = f32x4.mul(weight, inverseDeviation(variance, eps));
  for (let i = 0; i < rows; ++i, x += stride, y += stride)
    storeUpTo(y, fma(f32x4.sub(v128.load(x), mean), factor, bias), left);
}

/** What the biased variance is multiplied by before use: 1, which changes no bit, or n / (n − 1). */
// @ts-ignore: decorator
@inline
function correction(rows: i32, unbiased: bool): v128 {
  return f32x4.splat(unbiased ? <f32>rows / <f32>(rows - 1) : 1);
}

/** Writes each channel's mean and biased variance, and y, which is normalised by the unbiased one if so asked. */
export function batchNorm(
  y: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, rows: i32, channels: i32, eps: f32,
  unbiased: bool,
): void {
  const stride = <usize>channels << 2;
  const factor = correction(rows, unbiased);
  const count = f32x4.splat(<f32>rows);
  for (let c = 0; c < channels; c += 4) {
    const at = <usize>c << 2;
    const left = channels - c;
    const m = f32x4.div(columnSum(x + at, rows, stride), count);
    const v = f32x4.div(columnSquares(x + at, rows, stride, m), count);
    const w = v128.load(weight + at);
    const b = v128.load(bias + at);
    storeUpTo(mean + at, m, left);
    storeUpTo(variance + at, v, left);
    normalise(y + at, x + at, rows, stride, m, f32x4.mul(v, factor), w, b, eps, left);
  }
}

/** The same with given statistics. */
export function batchNormEval(
  y: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, rows: i32, channels: i32, eps: f32,
): void {
  const stride = <usize>channels << 2;
  for (let c = 0; c < channels; c += 4) {
    const at = <usize>c << 2;
    const m = v128.load(mean + at);
    const v = v128.load(variance + at);
    normalise(
      y + at, x + at, rows, stride, m, v, v128.load(weight + at), v128.load(bias + at), eps, channels - c,
    );
  }
}

/**
 * With x̂ = (x − mean)·s, s = 1 / sqrt(variance + eps): dBias (+)= Σ g, dWeight (+)= Σ g·x̂,
 * dx (+)= weight·s·(g − mean(g) − x̂·mean(g·x̂)). An address of 0 for dx, dWeight or dBias skips it. `variance` is the biased
 * one; if `unbiased`, s is made of n / (n − 1) times as much, and the last mean divides by n − 1.
 */
export function batchNormBackward(
  dx: usize, dWeight: usize, dBias: usize, g: usize, x: usize, weight: usize, mean: usize, variance: usize,
  rows: i32, channels: i32, eps: f32, unbiased: bool, addDx: bool, addDWeight: bool, addDBias: bool,
): void {
  const stride = <usize>channels << 2;
  const count = f32x4.splat(<f32>rows);
  const freedom = f32x4.splat(<f32>(unbiased ? rows - 1 : rows));
  const scale = correction(rows, unbiased);
  for (let c = 0; c < channels; c += 4) {
    const at = <usize>c << 2;
    const left = channels - c;
    const m = v128.load(mean + at);
    const s = inverseDeviation(f32x4.mul(v128.load(variance + at), scale), eps);
    let sumG = f32x4.splat(0);
    let sumGX = f32x4.splat(0);
    let pg = g + at;
    let px = x + at;
    for (let block = 0; block < rows; block += ROW_BLOCK) {
      let g0 = f32x4.splat(0), g1 = g0, g2 = g0, g3 = g0;
      let p0 = g0, p1 = g0, p2 = g0, p3 = g0;
      const end = min(rows, block + ROW_BLOCK);
      let i = block;
      for (; i + 4 <= end; i += 4, pg += stride << 2, px += stride << 2) {
        const v0 = v128.load(pg);
        const v1 = v128.load(pg + stride);
        const v2 = v128.load(pg + stride * 2);
        const v3 = v128.load(pg + stride * 3);
        g0 = f32x4.add(g0, v0);
        g1 = f32x4.add(g1, v1);
        g2 = f32x4.add(g2, v2);
        g3 = f32x4.add(g3, v3);
        p0 = addProduct(v0, px, m, s, p0);
        p1 = addProduct(v1, px + stride, m, s, p1);
        p2 = addProduct(v2, px + stride * 2, m, s, p2);
        p3 = addProduct(v3, px + stride * 3, m, s, p3);
      }
      for (; i < end; ++i, pg += stride, px += stride) {
        const v = v128.load(pg);
        g0 = f32x4.add(g0, v);
        p0 = addProduct(v, px, m, s, p0);
      }
      sumG = f32x4.add(sumG, fold(g0, g1, g2, g3));
      sumGX = f32x4.add(sumGX, fold(p0, p1, p2, p3));
    }
    if (dBias) storeUpTo(dBias + at, addDBias ? f32x4.add(v128.load(dBias + at), sumG) : sumG, left);
    if (dWeight) storeUpTo(dWeight + at, addDWeight ? f32x4.add(v128.load(dWeight + at), sumGX) : sumGX, left);
    if (dx) {
      const factor = f32x4.mul(v128.load(weight + at), s);
      const meanG = f32x4.div(sumG, count);
      const slope = f32x4.mul(f32x4.div(sumGX, freedom), s);
      pg = g + at;
      px = x + at;
      let pd = dx + at;
      for (let i = 0; i < rows; ++i, pg += stride, px += stride, pd += stride) {
        const centred = f32x4.sub(v128.load(pg), meanG);
        let d = f32x4.mul(factor, f32x4.relaxed_nmadd(f32x4.sub(v128.load(px), m), slope, centred));
        if (addDx) d = f32x4.add(v128.load(pd), d);
        storeUpTo(pd, d, left);
      }
    }
  }
}
