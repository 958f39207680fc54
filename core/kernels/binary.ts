/**
 * dst (+)= a op b with broadcasting, over an inner dimension and up to three outer ones; dst is dense. The caller
 * (core/backend/wasm/collapse.ts) merges dimensions first and loops over any beyond four. The numbering of `op` is
 * BINARY_CODES in wasm/exports.ts.
 */
import { storePair } from './simd';

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
  if (sa == 4 && sb == 4) {
    for (let i = 0; i < n; i += 8, dst += 32, a += 32, b += 32) {
      const u = vector(op, accumulate, v128.load(a), v128.load(b), dst);
      const v = vector(op, accumulate, v128.load(a, 16), v128.load(b, 16), dst + 16);
      storePair(dst, u, v, n - i);
    }
  } else if (sa == 4 && sb == 0) {
    const vb = v128.load32_splat(b);
    for (let i = 0; i < n; i += 8, dst += 32, a += 32) {
      const u = vector(op, accumulate, v128.load(a), vb, dst), v = vector(op, accumulate, v128.load(a, 16), vb, dst + 16);
      storePair(dst, u, v, n - i);
    }
  } else if (sa == 0 && sb == 4) {
    const va = v128.load32_splat(a);
    for (let i = 0; i < n; i += 8, dst += 32, b += 32) {
      const u = vector(op, accumulate, va, v128.load(b), dst), v = vector(op, accumulate, va, v128.load(b, 16), dst + 16);
      storePair(dst, u, v, n - i);
    }
  } else {
    for (let i = 0; i < n; ++i, dst += 4, a += sa, b += sb)
      store<f32>(dst, scalar(op, accumulate, load<f32>(a), load<f32>(b), dst));
  }
}

// One function an operation and mode: in a single one the compiler would fold the loops, with the choice inside.
function addRow(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(ADD, false, dst, a, b, n, sa, sb);
}
function addRowOnto(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(ADD, true, dst, a, b, n, sa, sb);
}
function subRow(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(SUB, false, dst, a, b, n, sa, sb);
}
function subRowOnto(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(SUB, true, dst, a, b, n, sa, sb);
}
function mulRow(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(MUL, false, dst, a, b, n, sa, sb);
}
function mulRowOnto(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(MUL, true, dst, a, b, n, sa, sb);
}
function divRow(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(DIV, false, dst, a, b, n, sa, sb);
}
function divRowOnto(dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  row(DIV, true, dst, a, b, n, sa, sb);
}

function anyRow(op: i32, accumulate: bool, dst: usize, a: usize, b: usize, n: i32, sa: usize, sb: usize): void {
  if (accumulate) {
    if (op == ADD) addRowOnto(dst, a, b, n, sa, sb);
    else if (op == SUB) subRowOnto(dst, a, b, n, sa, sb);
    else if (op == MUL) mulRowOnto(dst, a, b, n, sa, sb);
    else divRowOnto(dst, a, b, n, sa, sb);
  } else {
    if (op == ADD) addRow(dst, a, b, n, sa, sb);
    else if (op == SUB) subRow(dst, a, b, n, sa, sb);
    else if (op == MUL) mulRow(dst, a, b, n, sa, sb);
    else divRow(dst, a, b, n, sa, sb);
  }
}

/** Dimension 0 is the innermost; sizes nI and strides aI, bI in elements. */
export function binary(
  op: i32, accumulate: bool, dst: usize, a: usize, b: usize,
  n0: i32, a0: usize, b0: usize, n1: i32, a1: usize, b1: usize,
  n2: i32, a2: usize, b2: usize, n3: i32, a3: usize, b3: usize,
): void {
  a0 <<= 2; b0 <<= 2; a1 <<= 2; b1 <<= 2; a2 <<= 2; b2 <<= 2; a3 <<= 2; b3 <<= 2;
  const step = <usize>n0 << 2;
  for (let i3 = 0; i3 < n3; ++i3, a += a3, b += b3) {
    let pa2 = a;
    let pb2 = b;
    for (let i2 = 0; i2 < n2; ++i2, pa2 += a2, pb2 += b2) {
      let pa = pa2;
      let pb = pb2;
      for (let i1 = 0; i1 < n1; ++i1, pa += a1, pb += b1, dst += step) anyRow(op, accumulate, dst, pa, pb, n0, a0, b0);
    }
  }
}
