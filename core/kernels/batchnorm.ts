/**
 * Batch norm over the rows of a dense [rows, channels] matrix, channels last, eight channels at a time.
 * Mean and variance in two passes; division and square root are exact in every engine.
 */
import { fma, fnma, storePair } from './simd';

/** Rows summed before the block joins the total (less rounding error than one long chain). */
const ROW_BLOCK = 128;

/**
 * Within a block, rows go to two sums in turn, whose additions need not wait for one another; one left over goes to the
 * first.
 */
const TURNS = 2;

// @ts-ignore: decorator
@inline
function addSquare(x: v128, mean: v128, sum: v128): v128 {
  const d = f32x4.sub(x, mean);
  return fma(d, d, sum);
}

// @ts-ignore: decorator
@inline
function inverseDeviation(variance: v128, eps: f32): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(eps))));
}

/** y = (x − mean) / sqrt(variance + eps) · weight + bias over eight columns, of which `left` are real. */
// @ts-ignore: decorator
@inline
function normalise(
  y: usize, x: usize, rows: i32, stride: usize, mean0: v128, mean1: v128, variance0: v128, variance1: v128, weight: usize,
  bias: usize, eps: f32, left: i32,
): void {
  const f0 = f32x4.mul(v128.load(weight), inverseDeviation(variance0, eps));
  const f1 = f32x4.mul(v128.load(weight, 16), inverseDeviation(variance1, eps));
  const b0 = v128.load(bias), b1 = v128.load(bias, 16);
  for (let i = 0; i < rows; ++i, x += stride, y += stride) {
    const u = fma(f32x4.sub(v128.load(x), mean0), f0, b0), v = fma(f32x4.sub(v128.load(x, 16), mean1), f1, b1);
    storePair(y, u, v, left);
  }
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
  const zero = f32x4.splat(0);
  for (let c = 0; c < channels; c += 8) {
    const at = <usize>c << 2;
    const left = channels - c;
    let t0 = zero, t1 = zero;
    let px = x + at;
    for (let block = 0; block < rows; block += ROW_BLOCK) {
      let u0 = zero, u1 = zero, v0 = zero, v1 = zero;
      const end = min(rows, block + ROW_BLOCK);
      let i = block;
      for (; i + TURNS <= end; i += TURNS, px += stride << 1) {
        u0 = f32x4.add(u0, v128.load(px)); u1 = f32x4.add(u1, v128.load(px, 16));
        v0 = f32x4.add(v0, v128.load(px + stride)); v1 = f32x4.add(v1, v128.load(px + stride, 16));
      }
      if (i < end) {
        u0 = f32x4.add(u0, v128.load(px)); u1 = f32x4.add(u1, v128.load(px, 16));
        px += stride;
      }
      t0 = f32x4.add(t0, f32x4.add(u0, v0)); t1 = f32x4.add(t1, f32x4.add(u1, v1));
    }
    const m0 = f32x4.div(t0, count), m1 = f32x4.div(t1, count);
    storePair(mean + at, m0, m1, left);
    t0 = zero; t1 = zero;
    px = x + at;
    for (let block = 0; block < rows; block += ROW_BLOCK) {
      let u0 = zero, u1 = zero, v0 = zero, v1 = zero;
      const end = min(rows, block + ROW_BLOCK);
      let i = block;
      for (; i + TURNS <= end; i += TURNS, px += stride << 1) {
        u0 = addSquare(v128.load(px), m0, u0); u1 = addSquare(v128.load(px, 16), m1, u1);
        v0 = addSquare(v128.load(px + stride), m0, v0); v1 = addSquare(v128.load(px + stride, 16), m1, v1);
      }
      if (i < end) {
        u0 = addSquare(v128.load(px), m0, u0); u1 = addSquare(v128.load(px, 16), m1, u1);
        px += stride;
      }
      t0 = f32x4.add(t0, f32x4.add(u0, v0)); t1 = f32x4.add(t1, f32x4.add(u1, v1));
    }
    const s0 = f32x4.div(t0, count), s1 = f32x4.div(t1, count);
    storePair(variance + at, s0, s1, left);
    const v0 = f32x4.mul(s0, factor), v1 = f32x4.mul(s1, factor);
    normalise(y + at, x + at, rows, stride, m0, m1, v0, v1, weight + at, bias + at, eps, left);
  }
}

/** The same with given statistics. */
export function batchNormEval(
  y: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, rows: i32, channels: i32, eps: f32,
): void {
  const stride = <usize>channels << 2;
  for (let c = 0; c < channels; c += 8) {
    const at = <usize>c << 2;
    const m0 = v128.load(mean + at), m1 = v128.load(mean + at, 16);
    const v0 = v128.load(variance + at), v1 = v128.load(variance + at, 16);
    normalise(y + at, x + at, rows, stride, m0, m1, v0, v1, weight + at, bias + at, eps, channels - c);
  }
}

/** sum + g·x̂. */
// @ts-ignore: decorator
@inline
function addProduct(g: v128, x: v128, mean: v128, s: v128, sum: v128): v128 {
  return fma(g, f32x4.mul(f32x4.sub(x, mean), s), sum);
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
  const zero = f32x4.splat(0);
  for (let c = 0; c < channels; c += 8) {
    const at = <usize>c << 2;
    const left = channels - c;
    const m0 = v128.load(mean + at), m1 = v128.load(mean + at, 16);
    const s0 = inverseDeviation(f32x4.mul(v128.load(variance + at), scale), eps);
    const s1 = inverseDeviation(f32x4.mul(v128.load(variance + at, 16), scale), eps);
    let sumG0 = zero, sumG1 = zero, sumGX0 = zero, sumGX1 = zero;
    let pg = g + at;
    let px = x + at;
    for (let block = 0; block < rows; block += ROW_BLOCK) {
      let g0 = zero, g1 = zero, p0 = zero, p1 = zero;
      const end = min(rows, block + ROW_BLOCK);
      for (let i = block; i < end; ++i, pg += stride, px += stride) {
        const u = v128.load(pg), v = v128.load(pg, 16);
        g0 = f32x4.add(g0, u);
        g1 = f32x4.add(g1, v);
        p0 = addProduct(u, v128.load(px), m0, s0, p0);
        p1 = addProduct(v, v128.load(px, 16), m1, s1, p1);
      }
      sumG0 = f32x4.add(sumG0, g0);
      sumG1 = f32x4.add(sumG1, g1);
      sumGX0 = f32x4.add(sumGX0, p0);
      sumGX1 = f32x4.add(sumGX1, p1);
    }
    if (dBias) addPair(dBias + at, sumG0, sumG1, left, addDBias);
    if (dWeight) addPair(dWeight + at, sumGX0, sumGX1, left, addDWeight);
    if (dx) {
      const f0 = f32x4.mul(v128.load(weight + at), s0), f1 = f32x4.mul(v128.load(weight + at, 16), s1);
      const meanG0 = f32x4.div(sumG0, count), meanG1 = f32x4.div(sumG1, count);
      const slope0 = f32x4.mul(f32x4.div(sumGX0, freedom), s0), slope1 = f32x4.mul(f32x4.div(sumGX1, freedom), s1);
      pg = g + at;
      px = x + at;
      let pd = dx + at;
      for (let i = 0; i < rows; ++i, pg += stride, px += stride, pd += stride) {
        const c0 = f32x4.sub(v128.load(pg), meanG0), c1 = f32x4.sub(v128.load(pg, 16), meanG1);
        let u = f32x4.mul(f0, fnma(f32x4.sub(v128.load(px), m0), slope0, c0));
        let v = f32x4.mul(f1, fnma(f32x4.sub(v128.load(px, 16), m1), slope1, c1));
        if (addDx) {
          u = f32x4.add(v128.load(pd), u);
          v = f32x4.add(v128.load(pd, 16), v);
        }
        storePair(pd, u, v, left);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addPair(p: usize, u: v128, v: v128, left: i32, accumulate: bool): void {
  if (accumulate) storePair(p, f32x4.add(v128.load(p), u), f32x4.add(v128.load(p, 16), v), left);
  else storePair(p, u, v, left);
}
