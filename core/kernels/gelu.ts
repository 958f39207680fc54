/** The Gaussian error function and what activations are made of it: erf, sigmoid, GELU both ways, and their derivatives. */
import { exp } from './math';
import { fma } from './simd';

// @ts-ignore: decorator
@inline
function at(table: usize, i: usize): v128 {
  return v128.load32_splat(table + (i << 2));
}

/** The polynomial below 475/512 from a^12 down; that bound; the logarithm's polynomial above; −0; 1. */
const ERF: usize = memory.data<f32>([
  -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1, 0.927734375,
  -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1, -0.0, 1,
]);

/** erf, within 2 ulp. A polynomial near 0, 1 − e^(a polynomial) elsewhere; coefficients after N. Juffa. */
// @ts-ignore: decorator
@inline
export function erf(x: v128): v128 {
  const signBit = at(ERF, 14);
  const t = v128.andnot(x, signBit);
  const s = f32x4.mul(x, x);
  let p = fma(at(ERF, 0), s, at(ERF, 1));
  p = fma(p, s, at(ERF, 2));
  p = fma(p, s, at(ERF, 3));
  p = fma(p, s, at(ERF, 4));
  p = fma(p, s, at(ERF, 5));
  const near = fma(p, x, x);
  let r = fma(at(ERF, 7), t, at(ERF, 8));
  const u = fma(at(ERF, 9), t, at(ERF, 10));
  r = fma(r, s, u);
  r = fma(r, t, at(ERF, 11));
  r = fma(r, t, at(ERF, 12));
  r = fma(r, t, at(ERF, 13));
  r = fma(r, t, f32x4.neg(t));
  // Beyond 4 the fit's exponent is below −16.6 and then leaves its range: there erf is 1 to the last bit.
  const far = v128.bitselect(at(ERF, 15), f32x4.sub(at(ERF, 15), exp(r)), f32x4.gt(t, f32x4.splat(4)));
  return v128.bitselect(v128.or(far, v128.and(x, signBit)), near, f32x4.gt(t, at(ERF, 6)));
}

/** 1 / (1 + e^−x), within 3 ulp. Below −88.72, where e^−x overflows, 0 in place of a subnormal number. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = at(ERF, 15);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

/** 1/√2; 1/2; 1/√(2π); 2√(2/π); 0.044715; 3 · 0.044715. */
const GELU: usize = memory.data<f32>([0.707106781, 0.5, 0.398942280, 1.59576912, 0.044715, 0.134145]);

/** Φ(x), the standard normal distribution function. */
// @ts-ignore: decorator
@inline
function phi(x: v128): v128 {
  const half = at(GELU, 1);
  return fma(half, erf(f32x4.mul(x, at(GELU, 0))), half);
}

/** x·Φ(x), within 2 ulp for x ≥ 0. Below 0, where Φ cancels, the error is within 1 ulp of x, not of the result. */
// @ts-ignore: decorator
@inline
export function gelu(x: v128): v128 {
  return f32x4.mul(x, phi(x));
}

/** Φ(x) + x·φ(x). */
// @ts-ignore: decorator
@inline
export function geluSlope(x: v128): v128 {
  const density = f32x4.mul(at(GELU, 2), exp(f32x4.mul(f32x4.mul(x, x), f32x4.neg(at(GELU, 1)))));
  return fma(x, density, phi(x));
}

/** 2·√(2/π)·(x + 0.044715 x³): ½(1 + tanh u) is sigmoid(2u), which needs one exponential and no second branch. */
// @ts-ignore: decorator
@inline
function twiceInner(x: v128): v128 {
  const cubic = fma(f32x4.mul(f32x4.mul(x, x), x), at(GELU, 4), x);
  return f32x4.mul(at(GELU, 3), cubic);
}

/**
 * x/2 · (1 + tanh(√(2/π)·(x + 0.044715 x³))), within 3 ulp for x ≥ 0. Below 0, where the exponential multiplies its
 * argument's error, the error is within 2 ulp of x, not of the result.
 */
// @ts-ignore: decorator
@inline
export function geluTanh(x: v128): v128 {
  return f32x4.mul(x, sigmoid(twiceInner(x)));
}

// @ts-ignore: decorator
@inline
export function geluTanhSlope(x: v128): v128 {
  const one = at(ERF, 15);
  const u = twiceInner(x);
  // With e = e^−|u|: the sigmoid's two tails r and q, whose product is its slope without cancelling.
  const e = exp(v128.or(u, at(ERF, 14)));
  const r = f32x4.div(one, f32x4.add(one, e));
  const q = f32x4.mul(e, r);
  const s = v128.bitselect(q, r, f32x4.lt(u, f32x4.splat(0)));
  const inner = f32x4.mul(at(GELU, 3), fma(f32x4.mul(x, x), at(GELU, 5), one));
  return fma(f32x4.mul(x, inner), f32x4.mul(r, q), s);
}

/** 2/√π. */
const TWO_OVER_ROOT_PI: usize = memory.data<f32>([1.12837917]);

/** 2/√π · e^(−x²). */
// @ts-ignore: decorator
@inline
export function erfSlope(x: v128): v128 {
  return f32x4.mul(at(TWO_OVER_ROOT_PI, 0), exp(f32x4.neg(f32x4.mul(x, x))));
}
