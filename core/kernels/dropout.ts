/** Dropout with Philox 4x32-10 (core/random/philox.ts) in the kernel: four blocks of four words at a time. */
import { storeUpTo } from './simd';

/** The high 32 bits of each lane's 64-bit product. */
// @ts-ignore: decorator
@inline
function multiplyHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function put(y: usize, x: usize, words: v128, threshold: v128, scale: v128, left: i32, accumulate: bool): void {
  if (left <= 0) return;
  // Chosen by bits, not multiplied: what is dropped is 0 even where x is infinite.
  let v = v128.and(f32x4.mul(v128.load(x), scale), i32x4.ge_u(words, threshold));
  if (accumulate) v = f32x4.add(v128.load(y), v);
  storeUpTo(y, v, left);
}

/**
 * y[i] (+)= x[i]·scale where word i of the stream is at least `threshold`, else 0. Word i is the (i mod 4)-th of the block
 * with counter (i div 4, step, microBatch, site) under the key (key0, key1), of which `place` holds the four words
 * key0, key1, step, microBatch. y may be x.
 */
export function dropout(
  y: usize, x: usize, n: i32, threshold: i32, scale: f32, place: usize, site: i32, accumulate: bool,
): void {
  const key0 = load<i32>(place);
  const key1 = load<i32>(place, 4);
  const step = load<i32>(place, 8);
  const microBatch = load<i32>(place, 12);
  const m0 = i32x4.splat(0xd2511f53);
  const m1 = i32x4.splat(0xcd9e8d57);
  const limit = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  for (let i = 0; i < n; i += 16, y += 64, x += 64) {
    let c0 = i32x4.add(i32x4.splat(i >> 2), i32x4(0, 1, 2, 3));
    let c1 = i32x4.splat(step);
    let c2 = i32x4.splat(microBatch);
    let c3 = i32x4.splat(site);
    let k0 = key0;
    let k1 = key1;
    for (let round = 0; round < 10; ++round) {
      const high0 = multiplyHigh(m0, c0);
      const low0 = i32x4.mul(m0, c0);
      const high1 = multiplyHigh(m1, c2);
      const low1 = i32x4.mul(m1, c2);
      c0 = v128.xor(v128.xor(high1, c1), i32x4.splat(k0));
      c1 = low1;
      c2 = v128.xor(v128.xor(high0, c3), i32x4.splat(k1));
      c3 = low0;
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    // Lane b of c0 to c3 is block b: a transposition puts each block's words side by side.
    const a = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
    const b = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
    const c = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
    const d = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
    put(y, x, v128.shuffle<i64>(a, c, 0, 2), limit, factor, n - i, accumulate);
    put(y + 16, x + 16, v128.shuffle<i64>(a, c, 1, 3), limit, factor, n - i - 4, accumulate);
    put(y + 32, x + 32, v128.shuffle<i64>(b, d, 0, 2), limit, factor, n - i - 8, accumulate);
    put(y + 48, x + 48, v128.shuffle<i64>(b, d, 1, 3), limit, factor, n - i - 12, accumulate);
  }
}
