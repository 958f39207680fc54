/**
 * The few vector idioms that every kernel shares: fused multiply-add, partial stores, horizontal folds in a fixed order.
 *
 * Tails are computed with the same vector code as the body (a full vector is loaded, the valid lanes are stored), so an
 * element's bits do not depend on where in a buffer it lies.
 */

/** a·b + c, rounded once; twice in the build for runtimes without relaxed SIMD, which so has a numerics class of its own. */
// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a·b, rounded likewise. */
// @ts-ignore: decorator
@inline
export function fnma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** Stores the first n lanes, 0 < n < 4. */
// @ts-ignore: decorator
@inline
export function storeLanes(p: usize, v: v128, n: i32): void {
  if (n == 1) {
    v128.store32_lane(p, v, 0);
  } else {
    v128.store64_lane(p, v, 0);
    if (n == 3) v128.store32_lane(p, v, 2, 8);
  }
}

/** Stores the first min(n, 4) lanes, n > 0. */
// @ts-ignore: decorator
@inline
export function storeUpTo(p: usize, v: v128, n: i32): void {
  if (n >= 4) v128.store(p, v);
  else storeLanes(p, v, n);
}

/**
 * Stores the first min(n, 8) lanes of two vectors side by side, n > 0. What is stored like this is computed in pairs where V8
 * packs two vectors into one register (tuneNode.ts): the loops of elementwise kernels all go by eight for that.
 */
// @ts-ignore: decorator
@inline
export function storePair(p: usize, u: v128, v: v128, n: i32): void {
  if (n >= 8) {
    v128.store(p, u);
    v128.store(p, v, 16);
  } else {
    storeUpTo(p, u, n);
    if (n > 4) storeLanes(p + 16, v, n - 4);
  }
}

/** v in the first n lanes, `other` in the rest. */
// @ts-ignore: decorator
@inline
export function firstLanes(v: v128, other: v128, n: i32): v128 {
  const lane = i32x4(0, 1, 2, 3);
  return v128.bitselect(v, other, i32x4.lt_s(lane, i32x4.splat(n)));
}

/** (v0 + v2) + (v1 + v3). */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** The sum of eight lanes. */
// @ts-ignore: decorator
@inline
export function sumPair(u: v128, v: v128): f32 {
  return sumLanes(f32x4.add(u, v));
}

/** The largest lane; NaN if any lane is. */
// @ts-ignore: decorator
@inline
export function maxLanes(v: v128): f32 {
  const pairs = f32x4.max(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}
