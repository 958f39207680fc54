/** Norm, finiteness check and the optimizers' updates: one pass each over flat vectors. */
import { firstLanes, fma, fnma, storePair, storeUpTo } from './simd';

/** dst[0] = Σ x². Products and sums in f64, eight lanes, folded in one order. */
export function sumOfSquares(dst: usize, x: usize, n: i32): void {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 8 <= n; i += 8, x += 32) {
    const u = v128.load(x);
    const v = v128.load(x, 16);
    const u0 = f64x2.promote_low_f32x4(u);
    const u1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(u, u, 2, 3, 0, 1));
    const v0 = f64x2.promote_low_f32x4(v);
    const v1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 0, 1));
    // The square of an f32 is exact in f64, so fused or not gives the same bits.
    s0 = f64x2.add(s0, f64x2.mul(u0, u0));
    s1 = f64x2.add(s1, f64x2.mul(u1, u1));
    s2 = f64x2.add(s2, f64x2.mul(v0, v0));
    s3 = f64x2.add(s3, f64x2.mul(v1, v1));
  }
  const s = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let total = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (; i < n; ++i, x += 4) {
    const v = <f64>load<f32>(x);
    total += v * v;
  }
  store<f32>(dst, <f32>total);
}

/** dst[0] = 1 if no element is NaN or infinite, else 0. */
export function allFinite(dst: usize, x: usize, n: i32): void {
  const exponent = i32x4.splat(0x7f800000);
  const zero = i32x4.splat(0);
  let bad = zero;
  let i = 0;
  for (; i + 4 <= n; i += 4, x += 16) bad = v128.or(bad, i32x4.eq(v128.and(v128.load(x), exponent), exponent));
  if (i < n) bad = v128.or(bad, i32x4.eq(v128.and(firstLanes(v128.load(x), zero, n - i), exponent), exponent));
  store<f32>(dst, v128.any_true(bad) ? 0 : 1);
}

/** torch.optim.SGD: d = g + decay·p; buf = first ? d : momentum·buf + d; p −= lr · (nesterov ? d + momentum·buf : buf). */
export function sgd(
  p: usize, g: usize, buffer: usize, n: i32, lr: f32, momentum: f32, decay: f32, nesterov: bool, first: bool,
): void {
  const vlr = f32x4.splat(lr);
  const vm = f32x4.splat(momentum);
  const vd = f32x4.splat(decay);
  if (!buffer) {
    for (let i = 0; i < n; i += 8, p += 32, g += 32) {
      const vp = v128.load(p), vq = v128.load(p, 16);
      const d = fma(vd, vp, v128.load(g)), e = fma(vd, vq, v128.load(g, 16));
      storePair(p, fnma(vlr, d, vp), fnma(vlr, e, vq), n - i);
    }
    return;
  }
  for (let i = 0; i < n; i += 4, p += 16, g += 16, buffer += 16) {
    const left = n - i;
    const vp = v128.load(p);
    let d = fma(vd, vp, v128.load(g));
    const b = first ? d : fma(vm, v128.load(buffer), d);
    storeUpTo(buffer, b, left);
    d = nesterov ? fma(vm, b, d) : b;
    storeUpTo(p, fnma(vlr, d, vp), left);
  }
}

/**
 * torch.optim.AdamW: m += (g − m)·(1 − β1); v = v·β2 + (1 − β2)·g²; p = p·keep − step · m / (sqrt(v)/root + eps), where
 * keep = 1 − lr·decay, step = lr / (1 − β1^t) and root = sqrt(1 − β2^t).
 */
export function adamw(
  p: usize, g: usize, m: usize, v: usize, n: i32,
  keep: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32, step: f32, root: f32, eps: f32,
): void {
  const vKeep = f32x4.splat(keep);
  const vB1 = f32x4.splat(oneMinusBeta1);
  const vB2 = f32x4.splat(beta2);
  const vC2 = f32x4.splat(oneMinusBeta2);
  const vStep = f32x4.splat(step);
  const vRoot = f32x4.splat(root);
  const vEps = f32x4.splat(eps);
  for (let i = 0; i < n; i += 8, p += 32, g += 32, m += 32, v += 32) {
    const left = n - i;
    const g0 = v128.load(g), g1 = v128.load(g, 16);
    const old0 = v128.load(m), old1 = v128.load(m, 16);
    const m0 = fma(f32x4.sub(g0, old0), vB1, old0), m1 = fma(f32x4.sub(g1, old1), vB1, old1);
    const v0 = fma(f32x4.mul(g0, g0), vC2, f32x4.mul(v128.load(v), vB2));
    const v1 = fma(f32x4.mul(g1, g1), vC2, f32x4.mul(v128.load(v, 16), vB2));
    const below0 = f32x4.add(f32x4.div(f32x4.sqrt(v0), vRoot), vEps);
    const below1 = f32x4.add(f32x4.div(f32x4.sqrt(v1), vRoot), vEps);
    const p0 = fnma(vStep, f32x4.div(m0, below0), f32x4.mul(v128.load(p), vKeep));
    const p1 = fnma(vStep, f32x4.div(m1, below1), f32x4.mul(v128.load(p, 16), vKeep));
    storePair(m, m0, m1, left);
    storePair(v, v0, v1, left);
    storePair(p, p0, p1, left);
  }
}
