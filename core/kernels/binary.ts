/**
 * dst (+)= a op b with broadcasting, over an inner dimension and up to three outer ones; dst is dense. The caller
 * (core/backend/wasm/collapse.ts) merges dimensions first and loops over any beyond four. The numbering of `op` is
 * BINARY_CODES in wasm/exports.ts.
 */
import { storeLanes } from './simd';

const ADD = 0;
const SUB = 1;
const MUL = 2;
const DIV = 3;

// @ts-ignore: decorator
@inline
function vector(op: i32, accumulate: bool, a: v128, b: v128, dst: usize): v128 {
  let r: v128;
  if (op == ADD) r = f32x4.add(a, b);
  else if (op == SUB) r = f32x4.sub(a, b);
  else if (op == MUL) r = f32x4.mul(a, b);
  else r = f32x4.div(a, b);
  return accumulate ? f32x4.add(v128.load(dst), r) : r;
}

// @ts-ignore: decorator
@inline
function scalar(op: i32, accumulate: bool, a: f32, b: f32, dst: usize): f32 {
  let r: f32;
  if (op == ADD) r = a + b;
  else if (op == SUB) r = a - b;
  else if (op == MUL) r = a * b;
  else r = a / b;
  return accumulate ? load<f32>(dst) + r : r;
}

/** One row of n; strides in bytes. Contiguous or repeated operands go by vectors, others one by one (same bits). */
// @ts-ignore: decorator
@inline
function row(op: i32, accumulate: bool, dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  let i = 0;
  if (sa == 4 && sb == 4) {
    for (; i + 4 <= n; i += 4, dst += 16, a += 16, b += 16)
      v128.store(dst, vector(op, accumulate, v128.load(a), v128.load(b), dst));
    if (i < n) storeLanes(dst, vector(op, accumulate, v128.load(a), v128.load(b), dst), n - i);
  } else if (sa == 4 && sb == 0) {
    const vb = v128.load32_splat(b);
    for (; i + 4 <= n; i += 4, dst += 16, a += 16) v128.store(dst, vector(op, accumulate, v128.load(a), vb, dst));
    if (i < n) storeLanes(dst, vector(op, accumulate, v128.load(a), vb, dst), n - i);
  } else if (sa == 0 && sb == 4) {
    const va = v128.load32_splat(a);
    for (; i + 4 <= n; i += 4, dst += 16, b += 16) v128.store(dst, vector(op, accumulate, va, v128.load(b), dst));
    if (i < n) storeLanes(dst, vector(op, accumulate, va, v128.load(b), dst), n - i);
  } else {
    for (; i < n; ++i, dst += 4, a += sa, b += sb)
      store<f32>(dst, scalar(op, accumulate, load<f32>(a), load<f32>(b), dst));
  }
}

// @ts-ignore: decorator
@inline
function loops(
  op: i32, accumulate: bool, dst: usize, a: usize, b: usize,
  n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize,
  n2: i32, a2: usize, b2: usize, n3: i32, a3: usize, b3: usize,
): void {
  const step = <usize>n0 << 2;
  for (let i3 = 0; i3 < n3; ++i3, a += a3, b += b3) {
    let pa2 = a;
    let pb2 = b;
    for (let i2 = 0; i2 < n2; ++i2, pa2 += a2, pb2 += b2) {
      let pa = pa2;
      let pb = pb2;
      for (let i1 = 0; i1 < n1; ++i1, pa += a1, pb += b1, dst += step) row(op, accumulate, dst, pa, pb, n0, a0, b0);
    }
  }
}

// @ts-ignore: decorator
@inline
function either(
  op: i32, accumulate: bool, dst: usize, a: usize, b: usize,
  n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize,
  n2: i32, a2: usize, b2: usize, n3: i32, a3: usize, b3: usize,
): void {
  if (accumulate) loops(op, true, dst, a, b, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
  else loops(op, false, dst, a, b, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
}

/** Dimension 0 is the innermost; sizes nI and strides aI, bI in elements. */
export function binary(
  op: i32, accumulate: bool, dst: usize, a: usize, b: usize,
  n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize,
  n2: i32, a2: usize, b2: usize, n3: i32, a3: usize, b3: usize,
): void {
  a0 <<= 2; b0 <<= 2; a1 <<= 2; b1 <<= 2; a2 <<= 2; b2 <<= 2; a3 <<= 2; b3 <<= 2;
  if (op == ADD) either(ADD, accumulate, dst, a, b, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
  else if (op == SUB) either(SUB, accumulate, dst, a, b, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
  else if (op == MUL) either(MUL, accumulate, dst, a, b, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
  else either(DIV, accumulate, dst, a, b, n0, a0, b0, n1, a1, b1, n2, a2, b2, n3, a3, b3);
}
