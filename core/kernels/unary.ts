/** One-argument elementwise functions and their derivatives. The numbering of `op` is UNARY_CODES in wasm/exports.ts. */
import { erf, erfSlope, gelu, geluSlope, geluTanh, geluTanhSlope, sigmoid } from './gelu';
import { exp, log, tanh } from './math';
import { storeLanes } from './simd';

const NEG = 0;
const EXP = 1;
const LOG = 2;
const TANH = 3;
const RELU = 4;
const SQRT = 5;
const SQUARE = 6;
const RECIPROCAL = 7;
const ERF = 8;
const SIGMOID = 9;
const GELU = 10;
const GELU_TANH = 11;

// @ts-ignore: decorator
@inline
function forward(op: i32, x: v128): v128 {
  if (op == NEG) return f32x4.neg(x);
  if (op == EXP) return exp(x);
  if (op == LOG) return log(x);
  if (op == TANH) return tanh(x);
  // Not max(x, 0): that would give +0 or −0 as the engine's instruction pleases to order them; this keeps NaN too.
  if (op == RELU) return v128.andnot(x, f32x4.le(x, f32x4.splat(0)));
  if (op == SQRT) return f32x4.sqrt(x);
  if (op == SQUARE) return f32x4.mul(x, x);
  if (op == ERF) return erf(x);
  if (op == SIGMOID) return sigmoid(x);
  if (op == GELU) return gelu(x);
  if (op == GELU_TANH) return geluTanh(x);
  return f32x4.div(f32x4.splat(1), x);
}

// @ts-ignore: decorator
@inline
function backward(op: i32, g: v128, x: v128, y: v128): v128 {
  if (op == NEG) return f32x4.neg(g);
  if (op == EXP) return f32x4.mul(g, y);
  if (op == LOG) return f32x4.div(g, x);
  if (op == TANH) return f32x4.mul(g, f32x4.relaxed_nmadd(y, y, f32x4.splat(1)));
  if (op == RELU) return v128.andnot(g, f32x4.le(x, f32x4.splat(0)));
  if (op == SQRT) return f32x4.div(g, f32x4.add(y, y));
  if (op == SQUARE) return f32x4.mul(g, f32x4.add(x, x));
  if (op == ERF) return f32x4.mul(g, erfSlope(x));
  if (op == SIGMOID) return f32x4.mul(g, f32x4.relaxed_nmadd(y, y, y));
  if (op == GELU) return f32x4.mul(g, geluSlope(x));
  if (op == GELU_TANH) return f32x4.mul(g, geluTanhSlope(x));
  return f32x4.neg(f32x4.mul(g, f32x4.mul(y, y)));
}

// @ts-ignore: decorator
@inline
function forwardLoop(op: i32, y: usize, x: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4, x += 16, y += 16) v128.store(y, forward(op, v128.load(x)));
  if (i < n) storeLanes(y, forward(op, v128.load(x)), n - i);
}

// @ts-ignore: decorator
@inline
function backwardLoop(op: i32, dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  for (let i = 0; i < n; i += 4, dx += 16, g += 16, x += 16, y += 16) {
    let d = backward(op, v128.load(g), v128.load(x), v128.load(y));
    if (accumulate) d = f32x4.add(v128.load(dx), d);
    if (i + 4 <= n) v128.store(dx, d);
    else storeLanes(dx, d, n - i);
  }
}

/** y = op(x); y may be x. */
export function unary(op: i32, y: usize, x: usize, n: i32): void {
  if (op == NEG) forwardLoop(NEG, y, x, n);
  else if (op == EXP) forwardLoop(EXP, y, x, n);
  else if (op == LOG) forwardLoop(LOG, y, x, n);
  else if (op == TANH) forwardLoop(TANH, y, x, n);
  else if (op == RELU) forwardLoop(RELU, y, x, n);
  else if (op == SQRT) forwardLoop(SQRT, y, x, n);
  else if (op == SQUARE) forwardLoop(SQUARE, y, x, n);
  else if (op == ERF) forwardLoop(ERF, y, x, n);
  else if (op == SIGMOID) forwardLoop(SIGMOID, y, x, n);
  else if (op == GELU) forwardLoop(GELU, y, x, n);
  else if (op == GELU_TANH) forwardLoop(GELU_TANH, y, x, n);
  else forwardLoop(RECIPROCAL, y, x, n);
}

/** dx (+)= g · op'(x), given x and y = op(x). */
export function unaryBackward(op: i32, dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  if (op == NEG) backwardLoop(NEG, dx, g, x, y, n, accumulate);
  else if (op == EXP) backwardLoop(EXP, dx, g, x, y, n, accumulate);
  else if (op == LOG) backwardLoop(LOG, dx, g, x, y, n, accumulate);
  else if (op == TANH) backwardLoop(TANH, dx, g, x, y, n, accumulate);
  else if (op == RELU) backwardLoop(RELU, dx, g, x, y, n, accumulate);
  else if (op == SQRT) backwardLoop(SQRT, dx, g, x, y, n, accumulate);
  else if (op == SQUARE) backwardLoop(SQUARE, dx, g, x, y, n, accumulate);
  else if (op == ERF) backwardLoop(ERF, dx, g, x, y, n, accumulate);
  else if (op == SIGMOID) backwardLoop(SIGMOID, dx, g, x, y, n, accumulate);
  else if (op == GELU) backwardLoop(GELU, dx, g, x, y, n, accumulate);
  else if (op == GELU_TANH) backwardLoop(GELU_TANH, dx, g, x, y, n, accumulate);
  else backwardLoop(RECIPROCAL, dx, g, x, y, n, accumulate);
}
