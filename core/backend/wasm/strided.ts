/**
 * Broadcasting arithmetic and partial sums of any rank, made of a few kernels for few dimensions: shapes are merged
 * (collapse.ts), the inner dimensions are a kernel's, and what is left is looped over here. Addresses are in elements.
 */
import type { Collapsed } from './collapse.ts';
import type { KernelCalls } from './exports.ts';

/** dst (+)= a op b over `merged` (a's and b's strides; dst is dense). */
export function binaryStrided(
  kernels: KernelCalls,
  merged: Collapsed,
  op: number,
  accumulate: boolean,
  dst: number,
  a: number,
  b: number,
): void {
  binaryFrom(kernels, merged, merged.rank - 1, op, accumulate, dst, merged.count, a, b);
}

/** Dimensions 0..d of `merged`, `count` elements in all: loops while there are more than the kernel's four. */
function binaryFrom(
  kernels: KernelCalls,
  merged: Collapsed,
  d: number,
  op: number,
  accumulate: boolean,
  dst: number,
  count: number,
  a: number,
  b: number,
): void {
  const n = merged.sizes;
  const as = merged.aStrides;
  const bs = merged.bStrides;
  if (d > 3) {
    const part = count / n[d];
    for (let i = 0; i < n[d]; i++)
      binaryFrom(kernels, merged, d - 1, op, accumulate, dst + i * part, part, a + i * as[d], b + i * bs[d]);
    return;
  }
  const n0 = d >= 0 ? n[0] : 1;
  const a0 = d >= 0 ? as[0] : 1;
  const b0 = d >= 0 ? bs[0] : 1;
  const n1 = d >= 1 ? n[1] : 1;
  const a1 = d >= 1 ? as[1] : 0;
  const b1 = d >= 1 ? bs[1] : 0;
  const n2 = d >= 2 ? n[2] : 1;
  const a2 = d >= 2 ? as[2] : 0;
  const b2 = d >= 2 ? bs[2] : 0;
  const n3 = d >= 3 ? n[3] : 1;
  const a3 = d >= 3 ? as[3] : 0;
  const b3 = d >= 3 ? bs[3] : 0;
  kernels.binary(op, accumulate, dst * 4, a * 4, b * 4, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
}

/** dst (+)= the sum of a dense src over the dimensions of `merged` whose (a-)stride is 0. */
export function sumStrided(
  kernels: KernelCalls,
  merged: Collapsed,
  dst: number,
  src: number,
  accumulate: boolean,
): void {
  sumFrom(kernels, merged, merged.rank - 1, dst, src, merged.count, accumulate);
}

/**
 * Dimensions 0..d of `merged`, `count` elements in all. The last two are a kernel's; outer ones are visited in order, and
 * of the visits to one sum the first overwrites unless `accumulate`.
 */
function sumFrom(
  kernels: KernelCalls,
  merged: Collapsed,
  d: number,
  dst: number,
  src: number,
  count: number,
  accumulate: boolean,
): void {
  const n = merged.sizes;
  const stride = merged.aStrides;
  if (d < 0 || (d === 0 && stride[0] === 1)) {
    if (accumulate) kernels.scale(dst * 4, src * 4, count, 1, true);
    else kernels.copy(dst * 4, src * 4, count);
  } else if (d === 0 && stride[0] === 0) {
    kernels.sumRows(dst * 4, src * 4, 1, count, accumulate);
  } else if (d === 1 && stride[0] === 0 && stride[1] === 1) {
    kernels.sumRows(dst * 4, src * 4, n[1], n[0], accumulate);
  } else if (d === 1 && stride[0] === 1 && stride[1] === 0) {
    kernels.sumColumns(dst * 4, src * 4, n[1], n[0], accumulate);
  } else {
    if (d === 0) throw new RangeError('sumInto: dst must be dense');
    const part = count / n[d];
    for (let i = 0; i < n[d]; i++) {
      const add = accumulate || (stride[d] === 0 && i > 0);
      sumFrom(kernels, merged, d - 1, dst + i * stride[d], src + i * part, part, add);
    }
  }
}
