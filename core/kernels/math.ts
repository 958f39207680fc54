/**
 * exp, log and tanh of four f32 at a time, from exact operations and fused multiply-adds only, so that every engine gives
 * the same bits. Not for f64, and not correctly rounded: bounds are stated per function and tested against Math.*.
 */
import { fma, fnma } from './simd';

/**
 * e^x, within 1 ulp (gradual underflow included). Overflows to Infinity above 88.72, underflows to 0 below −103.97; NaN stays NaN.
 * x = n·ln 2 + r with |r| ≤ ln 2 / 2; a degree-6 minimax polynomial in r; coefficients after N. Juffa.
 */
// @ts-ignore: decorator
@inline
export function exp(value: v128): v128 {
  // pmin and pmax are one instruction each (min and max are several) and in this order keep a NaN.
  const x = f32x4.pmin(f32x4.pmax(value, f32x4.splat(-105)), f32x4.splat(90));
  // Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits: cheaper than nearest and a saturating conversion.
  const magic = f32x4.splat(12582912);
  const t = fma(x, f32x4.splat(1.44269502), magic);
  const n = f32x4.sub(t, magic);
  // ln 2 in two parts; the fused product makes the reduction exact to the second part's last bit.
  const r = fnma(n, f32x4.splat(-1.90465421e-9), fnma(n, f32x4.splat(0.693147182), x));
  let p = f32x4.splat(1.37805939e-3);
  p = fma(p, r, f32x4.splat(8.37312452e-3));
  p = fma(p, r, f32x4.splat(4.16695364e-2));
  p = fma(p, r, f32x4.splat(1.6666472e-1));
  p = fma(p, r, f32x4.splat(4.99999851e-1));
  p = fma(p, r, f32x4.splat(1));
  p = fma(p, r, f32x4.splat(1));
  // 2^n in two factors, since n may leave the exponent's range by itself when the result overflows or is subnormal.
  const e = i32x4.sub(t, magic);
  const half = i32x4.shr_s(e, 1);
  const bias = i32x4.splat(127);
  const first = i32x4.shl(i32x4.add(half, bias), 23);
  const second = i32x4.shl(i32x4.add(i32x4.sub(e, half), bias), 23);
  return f32x4.mul(f32x4.mul(p, first), second);
}

/**
 * Natural logarithm, within 1 ulp, subnormal inputs included. log 0 = −Infinity, log of a negative number is NaN.
 * x = 2^e · m with m in [2/3, 4/3); coefficients after N. Juffa (0.85 ulp).
 */
// @ts-ignore: decorator
@inline
export function log(value: v128): v128 {
  const tiny = f32x4.lt(value, f32x4.splat(1.17549435e-38));
  const x = v128.bitselect(f32x4.mul(value, f32x4.splat(8388608)), value, tiny);
  const base = v128.and(tiny, f32x4.splat(-23));
  const e = v128.and(i32x4.sub(x, i32x4.splat(0x3f2aaaab)), i32x4.splat(0xff800000));
  const f = f32x4.sub(i32x4.sub(x, e), f32x4.splat(1));
  const i = fma(f32x4.convert_i32x4_s(e), f32x4.splat(1.1920929e-7), base);
  const s = f32x4.mul(f, f);
  let r = fma(f32x4.splat(-0.130310059), s, f32x4.splat(-0.12148352));
  let t = fma(f32x4.splat(0.140869141), s, f32x4.splat(0.139814854));
  r = fma(r, s, f32x4.splat(-0.166846126));
  t = fma(t, s, f32x4.splat(0.200120345));
  r = fma(r, s, f32x4.splat(-0.2499962));
  r = fma(t, f, r);
  r = fma(r, f, f32x4.splat(0.333331972));
  r = fma(r, f, f32x4.splat(-0.5));
  r = fma(r, s, f);
  r = fma(i, f32x4.splat(0.693147182), r);
  // The special cases: +Infinity and NaN give value + value; zero gives −Infinity; negatives give NaN.
  r = v128.bitselect(r, f32x4.add(value, value), f32x4.lt(value, f32x4.splat(Infinity)));
  r = v128.bitselect(f32x4.splat(-Infinity), r, f32x4.eq(value, f32x4.splat(0)));
  return v128.bitselect(f32x4.splat(NaN), r, f32x4.lt(value, f32x4.splat(0)));
}

/**
 * tanh, within 2 ulp. An odd polynomial below 0.625 (Cephes), 1 − 2 / (e^2x + 1) above.
 */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const sign = v128.and(x, f32x4.splat(-0.0));
  const a = v128.andnot(x, f32x4.splat(-0.0));
  const z = f32x4.mul(a, a);
  let p = fma(f32x4.splat(-5.70498872745e-3), z, f32x4.splat(2.06390887954e-2));
  p = fma(p, z, f32x4.splat(-5.37397155531e-2));
  p = fma(p, z, f32x4.splat(1.33314422036e-1));
  p = fma(p, z, f32x4.splat(-3.33332819422e-1));
  const small = fma(f32x4.mul(p, z), a, a);
  const one = f32x4.splat(1);
  const large = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(exp(f32x4.add(a, a)), one)));
  return v128.or(v128.bitselect(small, large, f32x4.lt(a, f32x4.splat(0.625))), sign);
}

/** log of one number, with the same bits as the vector's. */
// @ts-ignore: decorator
@inline
export function logScalar(x: f32): f32 {
  return f32x4.extract_lane(log(f32x4.splat(x)), 0);
}
