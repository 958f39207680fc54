/**
 * f32 to 16-bit floats and back. A pair of 16-bit elements fills a 32-bit one, the earlier in its low half, so that a buffer's
 * bytes are those of a little-endian array of 16-bit elements; after an odd number of them the last half is 0.
 *
 * Packing rounds to nearest, ties to even; too large becomes Infinity; every NaN becomes the one positive quiet NaN, since
 * engines may choose a NaN's bits. Unpacking is exact.
 */
import { firstLanes, storeUpTo } from './simd';

// @ts-ignore: decorator
@inline
function toBf16(x: v128): v128 {
  // Adding just under half of the lowest kept bit, and one more if that bit is odd, carries where rounding goes up.
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
  return v128.bitselect(rounded, i32x4.splat(0x7fc0), f32x4.eq(x, x));
}

// @ts-ignore: decorator
@inline
function fromBf16(h: v128): v128 {
  return i32x4.shl(h, 16);
}

// @ts-ignore: decorator
@inline
function toF16(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const a = v128.xor(x, sign);
  // Normal results: the exponent's bias goes from 127 to 15, and rounding carries as in toBf16.
  const odd = v128.and(i32x4.shr_u(a, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(a, i32x4.splat(0xc8000fff)), odd), 13);
  // Below 2^-14: in ½ + |x| the last bit counts 2^-24, the unit of f16's subnormals, so that the addition itself rounds.
  const subnormal = i32x4.sub(f32x4.add(a, f32x4.splat(0.5)), f32x4.splat(0.5));
  let h = v128.bitselect(subnormal, normal, i32x4.lt_s(a, i32x4.splat(0x38800000)));
  h = v128.bitselect(i32x4.splat(0x7c00), h, i32x4.ge_s(a, i32x4.splat(0x47800000)));
  h = v128.or(h, i32x4.shr_u(sign, 16));
  return v128.bitselect(h, i32x4.splat(0x7e00), f32x4.eq(x, x));
}

// @ts-ignore: decorator
@inline
function fromF16(h: v128): v128 {
  // The bits, read as f32, are 2^112 times too small, subnormals included; the product is exact.
  const bits = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const scaled = f32x4.mul(bits, f32x4.splat(5.192296858534828e33));
  // What came out as 2^16 or more had the highest exponent: Infinity or NaN.
  const special = v128.and(i32x4.ge_s(scaled, i32x4.splat(0x47800000)), i32x4.splat(0x7f800000));
  return v128.or(v128.or(scaled, special), i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16));
}

// @ts-ignore: decorator
@inline
function pack(dst: usize, src: usize, n: i32, half: bool): void {
  const zero = i32x4.splat(0);
  for (let i = 0; i < n; i += 8, dst += 16, src += 32) {
    const low = half ? toF16(v128.load(src)) : toBf16(v128.load(src));
    const high = half ? toF16(v128.load(src, 16)) : toBf16(v128.load(src, 16));
    const both = i16x8.narrow_i32x4_u(firstLanes(low, zero, n - i), firstLanes(high, zero, n - i - 4));
    storeUpTo(dst, both, (n - i + 1) >> 1);
  }
}

// @ts-ignore: decorator
@inline
function unpack(dst: usize, src: usize, n: i32, half: bool): void {
  for (let i = 0; i < n; i += 4, dst += 16, src += 8) {
    const h = i32x4.extend_low_i16x8_u(v128.load64_zero(src));
    storeUpTo(dst, half ? fromF16(h) : fromBf16(h), n - i);
  }
}

/** n elements of f32 to ⌈n / 2⌉ pairs of bf16. */
export function packBf16(dst: usize, src: usize, n: i32): void {
  pack(dst, src, n, false);
}

/** n elements of bf16, in pairs, to f32. */
export function unpackBf16(dst: usize, src: usize, n: i32): void {
  unpack(dst, src, n, false);
}

/** n elements of f32 to ⌈n / 2⌉ pairs of IEEE binary16. */
export function packF16(dst: usize, src: usize, n: i32): void {
  pack(dst, src, n, true);
}

/** n elements of IEEE binary16, in pairs, to f32. */
export function unpackF16(dst: usize, src: usize, n: i32): void {
  unpack(dst, src, n, true);
}
