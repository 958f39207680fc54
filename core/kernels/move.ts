/** Copies between strided views, and masked fills. Dimension 0 is the innermost; sizes and strides in elements. */
import { storeLanes } from './simd';

// @ts-ignore: decorator
@inline
function copyRow(dst: usize, src: usize, n: i32, sd: usize, ss: usize, accumulate: bool): void {
  if (sd == 4 && ss == 4) {
    for (; n >= 4; n -= 4, dst += 16, src += 16)
      v128.store(dst, accumulate ? f32x4.add(v128.load(dst), v128.load(src)) : v128.load(src));
    if (n > 0) storeLanes(dst, accumulate ? f32x4.add(v128.load(dst), v128.load(src)) : v128.load(src), n);
  } else if (accumulate) {
    for (; n > 0; --n, dst += sd, src += ss) store<f32>(dst, load<f32>(dst) + load<f32>(src));
  } else {
    // As integers: what is moved may be ids, whose bits a float could not keep if they were a signalling NaN's.
    for (; n > 0; --n, dst += sd, src += ss) store<i32>(dst, load<i32>(src));
  }
}

/** dst (+)= src, each with its own strides. */
export function copyStrided(
  dst: usize, src: usize, accumulate: bool,
  n0: i32, d0: usize, s0: usize, n1: i32, d1: usize, s1: usize,
  n2: i32, d2: usize, s2: usize, n3: i32, d3: usize, s3: usize,
): void {
  d0 <<= 2; s0 <<= 2; d1 <<= 2; s1 <<= 2; d2 <<= 2; s2 <<= 2; d3 <<= 2; s3 <<= 2;
  for (let i3 = 0; i3 < n3; ++i3, dst += d3, src += s3) {
    let pd2 = dst;
    let ps2 = src;
    for (let i2 = 0; i2 < n2; ++i2, pd2 += d2, ps2 += s2) {
      let pd = pd2;
      let ps = ps2;
      for (let i1 = 0; i1 < n1; ++i1, pd += d1, ps += s1) copyRow(pd, ps, n0, d0, s0, accumulate);
    }
  }
}

/** dst (+)= value where mask is not 0, else x; dst and x dense over n1 rows of n0, the mask by strides m1 and m0. */
export function maskedFill(
  dst: usize, x: usize, mask: usize, value: f32, accumulate: bool, n0: i32, m0: usize, n1: i32, m1: usize,
): void {
  m0 <<= 2; m1 <<= 2;
  for (let i = 0; i < n1; ++i, mask += m1) {
    let pm = mask;
    for (let j = 0; j < n0; ++j, dst += 4, x += 4, pm += m0) {
      const v = load<i32>(pm) ? value : load<f32>(x);
      store<f32>(dst, accumulate ? load<f32>(dst) + v : v);
    }
  }
}
