/**
 * What an element of a matmul must be, bit for bit, computed without any kernel: one chain of fused multiply-adds over k, in
 * order. Slow; the tests compare with it.
 */
import type { MatmulOptions } from '../../core/backend/backend.ts';

/** One f64 and its two words, the low one first. */
const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** a·b + c rounded once to f32. The product is exact in f64; the sum is made exact by repairing a double rounding. */
function fma32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const part = sum - product;
  const error = product - (sum - part) + (c - part);
  if (error === 0) return Math.fround(sum);
  // Round to odd: if f64 rounded, an even last bit moves towards the error, so that rounding to f32 sees the remainder.
  double[0] = sum;
  if ((words[0] & 1) === 0) {
    if (error > 0 === sum > 0) words[0] += 1;
    else if (words[0]-- === 0) words[1] -= 1;
  }
  return Math.fround(double[0]);
}

/** The C that a backend's `matmul` leaves, given the old one. */
export function fusedChain(
  { m, n, k, transA, transB, accumulate }: MatmulOptions,
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
): Float32Array {
  return Float32Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = accumulate ? c[at] : 0;
    for (let p = 0; p < k; p++) sum = fma32(a[transA ? p * m + i : i * k + p], b[transB ? j * k + p : p * n + j], sum);
    return sum;
  });
}
