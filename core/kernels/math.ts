/**
 * exp, log and tanh of four f32 at a time, from exact operations and fused multiply-adds only, so that every engine gives
 * the same bits. Not for f64, and not correctly rounded: bounds are stated per function and tested against Math.*.
 *
 * Constants are loaded from tables: V8 builds a vector literal anew at each use, by two instructions for the one port that
 * shuffles, which made these functions twice as slow.
 */
import { fma, fnma } from './simd';

/** The table's i-th constant in every lane. */
// @ts-ignore: decorator
@inline
function at(table: usize, i: usize): v128 {
  return v128.load32_splat(table + (i << 2));
}

/** Lower and upper clamp; log2 e; 1.5 · 2^23; ln 2 in two parts; the polynomial from r^6 down to r^2; 1. */
const EXP: usize = memory.data<f32>([
  -105, 90, 1.44269502, 12582912, 0.693147182, -1.90465421e-9,
  1.37805939e-3, 8.37312452e-3, 4.16695364e-2, 1.6666472e-1, 4.99999851e-1, 1,
]);

/**
 * e^x, within 1 ulp (gradual underflow included). Overflows to Infinity above 88.72, underflows to 0 below −103.97; NaN
 * stays NaN. x = n·ln 2 + r with |r| ≤ ln 2 / 2; a degree-6 minimax polynomial in r; coefficients after N. Juffa.
 */
// @ts-ignore: decorator
@inline
export function exp(value: v128): v128 {
  // pmin and pmax are one instruction each (min and max are several) and in this order keep a NaN.
  const x = f32x4.pmin(f32x4.pmax(value, at(EXP, 0)), at(EXP, 1));
  // Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits: cheaper than nearest and a saturating conversion.
  const magic = at(EXP, 3);
  const t = fma(x, at(EXP, 2), magic);
  const n = f32x4.sub(t, magic);
  // The fused product makes the reduction exact to the last bit of ln 2's second part.
  const r = fnma(n, at(EXP, 5), fnma(n, at(EXP, 4), x));
  const one = at(EXP, 11);
  let p = at(EXP, 6);
  p = fma(p, r, at(EXP, 7));
  p = fma(p, r, at(EXP, 8));
  p = fma(p, r, at(EXP, 9));
  p = fma(p, r, at(EXP, 10));
  p = fma(p, r, one);
  p = fma(p, r, one);
  // 2^n in two factors, since n may leave the exponent's range by itself when the result overflows or is subnormal.
  const e = i32x4.sub(t, magic);
  const half = i32x4.shr_s(e, 1);
  const first = i32x4.add(i32x4.shl(half, 23), one);
  const second = i32x4.add(i32x4.shl(i32x4.sub(e, half), 23), one);
  return f32x4.mul(f32x4.mul(p, first), second);
}

/** Least normal number; 2^23; −23; 1; 2^-23; the polynomial's odd and even chains; 1/3 and −1/2 as fitted; ln 2; Infinity. */
const LOG: usize = memory.data<f32>([
  1.17549435e-38, 8388608, -23, 1, 1.1920929e-7,
  -0.130310059, -0.12148352, 0.140869141, 0.139814854, -0.166846126, 0.200120345, -0.2499962,
  0.333331972, -0.5, 0.693147182, Infinity,
]);
/** The bits of 2/3; a mask of sign and exponent. */
const LOG_BITS: usize = memory.data<i32>([0x3f2aaaab, 0xff800000]);

/**
 * Natural logarithm, within 1 ulp, subnormal inputs included. log 0 = −Infinity, log of a negative number is NaN.
 * x = 2^e · m with m in [2/3, 4/3); coefficients after N. Juffa (0.85 ulp).
 */
// @ts-ignore: decorator
@inline
export function log(value: v128): v128 {
  const tiny = f32x4.lt(value, at(LOG, 0));
  const x = v128.bitselect(f32x4.mul(value, at(LOG, 1)), value, tiny);
  const base = v128.and(tiny, at(LOG, 2));
  const e = v128.and(i32x4.sub(x, at(LOG_BITS, 0)), at(LOG_BITS, 1));
  const f = f32x4.sub(i32x4.sub(x, e), at(LOG, 3));
  const i = fma(f32x4.convert_i32x4_s(e), at(LOG, 4), base);
  const s = f32x4.mul(f, f);
  let r = fma(at(LOG, 5), s, at(LOG, 6));
  let t = fma(at(LOG, 7), s, at(LOG, 8));
  r = fma(r, s, at(LOG, 9));
  t = fma(t, s, at(LOG, 10));
  r = fma(r, s, at(LOG, 11));
  r = fma(t, f, r);
  r = fma(r, f, at(LOG, 12));
  r = fma(r, f, at(LOG, 13));
  r = fma(r, s, f);
  r = fma(i, at(LOG, 14), r);
  // The special cases: +Infinity and NaN give value + value; zero gives −Infinity; negatives give NaN.
  const infinity = at(LOG, 15);
  const zero = f32x4.splat(0);
  r = v128.bitselect(r, f32x4.add(value, value), f32x4.lt(value, infinity));
  r = v128.bitselect(f32x4.neg(infinity), r, f32x4.eq(value, zero));
  // All bits set is a NaN.
  return v128.or(r, f32x4.lt(value, zero));
}

/** The polynomial; 1; 2; 0.625; −0. */
const TANH: usize = memory.data<f32>([
  -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1, 1, 2, 0.625, -0.0,
]);

/** tanh, within 2 ulp. An odd polynomial below 0.625 (Cephes), 1 − 2 / (e^2x + 1) above. */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const signBit = at(TANH, 8);
  const a = v128.andnot(x, signBit);
  const z = f32x4.mul(a, a);
  let p = fma(at(TANH, 0), z, at(TANH, 1));
  p = fma(p, z, at(TANH, 2));
  p = fma(p, z, at(TANH, 3));
  p = fma(p, z, at(TANH, 4));
  const small = fma(f32x4.mul(p, z), a, a);
  const one = at(TANH, 5);
  const large = f32x4.sub(one, f32x4.div(at(TANH, 6), f32x4.add(exp(f32x4.add(a, a)), one)));
  return v128.or(v128.bitselect(small, large, f32x4.lt(a, at(TANH, 7))), v128.and(x, signBit));
}

/** log of one number, with the same bits as the vector's. */
// @ts-ignore: decorator
@inline
export function logScalar(x: f32): f32 {
  return f32x4.extract_lane(log(f32x4.splat(x)), 0);
}
