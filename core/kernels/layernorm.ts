/**
 * Layer norm over the rows of a dense [rows, cols] matrix: each row has its own mean and variance, in two passes.
 * Division and square root are exact in every engine.
 */
import { firstLanes, fma, fnma, storePair, sumLanes, sumPair } from './simd';

/** Rows summed before the block joins a column's total (less rounding error than one long chain). */
const ROW_BLOCK = 128;

/** Four sums of four lanes, vectors taken in turn; a partial vector and those left over go to the first. */
// @ts-ignore: decorator
@inline
function fold(s0: v128, s1: v128, s2: v128, s3: v128): f32 {
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

// @ts-ignore: decorator
@inline
function rowSum(x: usize, n: i32): f32 {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let i = 0;
  for (; i + 16 <= n; i += 16, x += 64) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
  }
  for (; i < n; i += 4, x += 16) s0 = f32x4.add(s0, firstLanes(v128.load(x), zero, n - i));
  return fold(s0, s1, s2, s3);
}

// @ts-ignore: decorator
@inline
function addSquare(v: v128, mean: v128, sum: v128): v128 {
  const d = f32x4.sub(v, mean);
  return fma(d, d, sum);
}

// @ts-ignore: decorator
@inline
function rowSquares(x: usize, n: i32, mean: v128): f32 {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let i = 0;
  for (; i + 16 <= n; i += 16, x += 64) {
    s0 = addSquare(v128.load(x), mean, s0);
    s1 = addSquare(v128.load(x, 16), mean, s1);
    s2 = addSquare(v128.load(x, 32), mean, s2);
    s3 = addSquare(v128.load(x, 48), mean, s3);
  }
  // A lane beyond the row holds the mean, so that its square is 0.
  for (; i < n; i += 4, x += 16) s0 = addSquare(firstLanes(v128.load(x), mean, n - i), mean, s0);
  return fold(s0, s1, s2, s3);
}

/**
 * y = (x − mean) / sqrt(variance + eps) · weight + bias, the variance biased; each row's mean and 1 / sqrt(variance + eps)
 * are written for the backward. A weight or bias of 0 (no address) is one or zero.
 */
export function layerNorm(
  y: usize, x: usize, weight: usize, bias: usize, mean: usize, rstd: usize, rows: i32, cols: i32, eps: f32,
): void {
  const bytes = <usize>cols << 2;
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const affine = weight != 0 && bias != 0;
  for (let r = 0; r < rows; ++r, x += bytes, y += bytes, mean += 4, rstd += 4) {
    const m = rowSum(x, cols) / <f32>cols;
    const vm = f32x4.splat(m);
    const s = <f32>1 / sqrt<f32>(rowSquares(x, cols, vm) / <f32>cols + eps);
    const vs = f32x4.splat(s);
    store<f32>(mean, m);
    store<f32>(rstd, s);
    for (let j = 0; j < cols; j += 8) {
      const at = <usize>j << 2;
      let u = f32x4.mul(f32x4.sub(v128.load(x + at), vm), vs), v = f32x4.mul(f32x4.sub(v128.load(x + at, 16), vm), vs);
      if (affine) {
        u = fma(u, v128.load(weight + at), v128.load(bias + at));
        v = fma(v, v128.load(weight + at, 16), v128.load(bias + at, 16));
      } else {
        const w0 = weight ? v128.load(weight + at) : one, w1 = weight ? v128.load(weight + at, 16) : one;
        const b0 = bias ? v128.load(bias + at) : zero, b1 = bias ? v128.load(bias + at, 16) : zero;
        u = fma(u, w0, b0);
        v = fma(v, w1, b1);
      }
      storePair(y + at, u, v, cols - j);
    }
  }
}

/** dWeight[j] += Σ_i g·x̂ and dBias[j] += Σ_i g over a block of rows, columns side by side; an address of 0 skips one. */
function addColumns(
  dWeight: usize, dBias: usize, g: usize, x: usize, mean: usize, rstd: usize, rows: i32, cols: i32,
): void {
  const stride = <usize>cols << 2;
  const zero = f32x4.splat(0);
  for (let j = 0; j < cols; j += 8) {
    const at = <usize>j << 2;
    let w0 = zero, w1 = zero, b0 = zero, b1 = zero;
    let pg = g + at;
    let px = x + at;
    for (let i = 0; i < rows; ++i, pg += stride, px += stride) {
      const m = v128.load32_splat(mean + (<usize>i << 2));
      const s = v128.load32_splat(rstd + (<usize>i << 2));
      const g0 = v128.load(pg), g1 = v128.load(pg, 16);
      w0 = fma(g0, f32x4.mul(f32x4.sub(v128.load(px), m), s), w0);
      w1 = fma(g1, f32x4.mul(f32x4.sub(v128.load(px, 16), m), s), w1);
      b0 = f32x4.add(b0, g0);
      b1 = f32x4.add(b1, g1);
    }
    if (dWeight) {
      const p = dWeight + at;
      storePair(p, f32x4.add(v128.load(p), w0), f32x4.add(v128.load(p, 16), w1), cols - j);
    }
    if (dBias) {
      const p = dBias + at;
      storePair(p, f32x4.add(v128.load(p), b0), f32x4.add(v128.load(p, 16), b1), cols - j);
    }
  }
}

/**
 * With x̂ = (x − mean)·rstd and h = g·weight: dx (+)= rstd·(h − mean(h) − x̂·mean(h·x̂)); dWeight (+)= Σ g·x̂ and
 * dBias (+)= Σ g over the rows. An address of 0 for dx, dWeight or dBias skips it, for weight means ones.
 */
export function layerNormBackward(
  dx: usize, dWeight: usize, dBias: usize, g: usize, x: usize, weight: usize, mean: usize, rstd: usize,
  rows: i32, cols: i32, addDx: bool, addDWeight: bool, addDBias: bool,
): void {
  const bytes = <usize>cols << 2;
  if (dWeight && !addDWeight) memory.fill(dWeight, 0, bytes);
  if (dBias && !addDBias) memory.fill(dBias, 0, bytes);
  if (dWeight || dBias) {
    // Block by block, as in reduce.ts.
    for (let r = 0; r < rows; r += ROW_BLOCK) {
      const at = <usize>r * bytes, row = <usize>r << 2;
      addColumns(dWeight, dBias, g + at, x + at, mean + row, rstd + row, min(ROW_BLOCK, rows - r), cols);
    }
  }
  if (!dx) return;
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  for (let r = 0; r < rows; ++r, dx += bytes, g += bytes, x += bytes, mean += 4, rstd += 4) {
    const m = v128.load32_splat(mean);
    const s = v128.load32_splat(rstd);
    let h0 = zero, h1 = zero, hx0 = zero, hx1 = zero;
    let j = 0;
    for (; j + 8 <= cols; j += 8) {
      const at = <usize>j << 2;
      let u = v128.load(g + at), v = v128.load(g + at, 16);
      if (weight) {
        u = f32x4.mul(u, v128.load(weight + at));
        v = f32x4.mul(v, v128.load(weight + at, 16));
      }
      h0 = f32x4.add(h0, u);
      h1 = f32x4.add(h1, v);
      hx0 = fma(u, f32x4.mul(f32x4.sub(v128.load(x + at), m), s), hx0);
      hx1 = fma(v, f32x4.mul(f32x4.sub(v128.load(x + at, 16), m), s), hx1);
    }
    for (; j < cols; j += 4) {
      const at = <usize>j << 2;
      const w = weight ? v128.load(weight + at) : one;
      const h = firstLanes(f32x4.mul(v128.load(g + at), w), zero, cols - j);
      const normal = firstLanes(f32x4.mul(f32x4.sub(v128.load(x + at), m), s), zero, cols - j);
      h0 = f32x4.add(h0, h);
      hx0 = fma(h, normal, hx0);
    }
    const meanH = f32x4.splat(sumPair(h0, h1) / <f32>cols);
    const meanHX = f32x4.splat(sumPair(hx0, hx1) / <f32>cols);
    for (let j = 0; j < cols; j += 8) {
      const at = <usize>j << 2;
      let u = v128.load(g + at), v = v128.load(g + at, 16);
      if (weight) {
        u = f32x4.mul(u, v128.load(weight + at));
        v = f32x4.mul(v, v128.load(weight + at, 16));
      }
      const n0 = f32x4.mul(f32x4.sub(v128.load(x + at), m), s), n1 = f32x4.mul(f32x4.sub(v128.load(x + at, 16), m), s);
      u = f32x4.mul(s, fnma(n0, meanHX, f32x4.sub(u, meanH)));
      v = f32x4.mul(s, fnma(n1, meanHX, f32x4.sub(v, meanH)));
      if (addDx) {
        u = f32x4.add(v128.load(dx + at), u);
        v = f32x4.add(v128.load(dx + at, 16), v);
      }
      storePair(dx + at, u, v, cols - j);
    }
  }
}
