/** One-argument elementwise functions and their derivatives. The numbering of `op` is UNARY_CODES in wasm/exports.ts. */
import { erf, erfSlope, gelu, geluSlope, geluTanh, geluTanhSlope, sigmoid } from './gelu';
import { exp, log, tanh } from './math';
import { fma, fnma, storePair } from './simd';

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
  if (op == TANH) return f32x4.mul(g, fnma(y, y, f32x4.splat(1)));
  if (op == RELU) return v128.andnot(g, f32x4.le(x, f32x4.splat(0)));
  if (op == SQRT) return f32x4.div(g, f32x4.add(y, y));
  if (op == SQUARE) return f32x4.mul(g, f32x4.add(x, x));
  if (op == ERF) return f32x4.mul(g, erfSlope(x));
  if (op == SIGMOID) return f32x4.mul(g, fnma(y, y, y));
  if (op == GELU) return f32x4.mul(g, geluSlope(x));
  if (op == GELU_TANH) return f32x4.mul(g, geluTanhSlope(x));
  return f32x4.neg(f32x4.mul(g, f32x4.mul(y, y)));
}

// @ts-ignore: decorator
@inline
function forwardLoop(op: i32, y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i += 8, x += 32, y += 32) {
    const u = forward(op, v128.load(x)), v = forward(op, v128.load(x, 16));
    storePair(y, u, v, n - i);
  }
}

// @ts-ignore: decorator
@inline
function backwardLoop(op: i32, dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  for (let i = 0; i < n; i += 8, dx += 32, g += 32, x += 32, y += 32) {
    let u = backward(op, v128.load(g), v128.load(x), v128.load(y));
    let v = backward(op, v128.load(g, 16), v128.load(x, 16), v128.load(y, 16));
    if (accumulate) {
      u = f32x4.add(v128.load(dx), u);
      v = f32x4.add(v128.load(dx, 16), v);
    }
    storePair(dx, u, v, n - i);
  }
}

// One function an operation: loops that end alike in one function are folded into one, with the choice inside.
function forwardNeg(y: usize, x: usize, n: i32): void { forwardLoop(NEG, y, x, n); }
function forwardExp(y: usize, x: usize, n: i32): void { forwardLoop(EXP, y, x, n); }
function forwardLog(y: usize, x: usize, n: i32): void { forwardLoop(LOG, y, x, n); }
function forwardTanh(y: usize, x: usize, n: i32): void { forwardLoop(TANH, y, x, n); }
function forwardRelu(y: usize, x: usize, n: i32): void { forwardLoop(RELU, y, x, n); }
function forwardSqrt(y: usize, x: usize, n: i32): void { forwardLoop(SQRT, y, x, n); }
function forwardSquare(y: usize, x: usize, n: i32): void { forwardLoop(SQUARE, y, x, n); }
function forwardReciprocal(y: usize, x: usize, n: i32): void { forwardLoop(RECIPROCAL, y, x, n); }
function forwardErf(y: usize, x: usize, n: i32): void { forwardLoop(ERF, y, x, n); }
function forwardSigmoid(y: usize, x: usize, n: i32): void { forwardLoop(SIGMOID, y, x, n); }
function forwardGelu(y: usize, x: usize, n: i32): void { forwardLoop(GELU, y, x, n); }
function forwardGeluTanh(y: usize, x: usize, n: i32): void { forwardLoop(GELU_TANH, y, x, n); }
function backwardNeg(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(NEG, dx, g, x, y, n, accumulate);
}
function backwardExp(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(EXP, dx, g, x, y, n, accumulate);
}
function backwardLog(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(LOG, dx, g, x, y, n, accumulate);
}
function backwardTanh(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(TANH, dx, g, x, y, n, accumulate);
}
function backwardRelu(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(RELU, dx, g, x, y, n, accumulate);
}
function backwardSqrt(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(SQRT, dx, g, x, y, n, accumulate);
}
function backwardSquare(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(SQUARE, dx, g, x, y, n, accumulate);
}
function backwardReciprocal(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(RECIPROCAL, dx, g, x, y, n, accumulate);
}
function backwardErf(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(ERF, dx, g, x, y, n, accumulate);
}
function backwardSigmoid(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(SIGMOID, dx, g, x, y, n, accumulate);
}
function backwardGelu(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(GELU, dx, g, x, y, n, accumulate);
}
function backwardGeluTanh(dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  backwardLoop(GELU_TANH, dx, g, x, y, n, accumulate);
}

/** y = op(x); y may be x. */
export function unary(op: i32, y: usize, x: usize, n: i32): void {
  if (op == NEG) forwardNeg(y, x, n);
  else if (op == EXP) forwardExp(y, x, n);
  else if (op == LOG) forwardLog(y, x, n);
  else if (op == TANH) forwardTanh(y, x, n);
  else if (op == RELU) forwardRelu(y, x, n);
  else if (op == SQRT) forwardSqrt(y, x, n);
  else if (op == SQUARE) forwardSquare(y, x, n);
  else if (op == ERF) forwardErf(y, x, n);
  else if (op == SIGMOID) forwardSigmoid(y, x, n);
  else if (op == GELU) forwardGelu(y, x, n);
  else if (op == GELU_TANH) forwardGeluTanh(y, x, n);
  else forwardReciprocal(y, x, n);
}

/** dx (+)= g · op'(x), given x and y = op(x). */
export function unaryBackward(op: i32, dx: usize, g: usize, x: usize, y: usize, n: i32, accumulate: bool): void {
  if (op == NEG) backwardNeg(dx, g, x, y, n, accumulate);
  else if (op == EXP) backwardExp(dx, g, x, y, n, accumulate);
  else if (op == LOG) backwardLog(dx, g, x, y, n, accumulate);
  else if (op == TANH) backwardTanh(dx, g, x, y, n, accumulate);
  else if (op == RELU) backwardRelu(dx, g, x, y, n, accumulate);
  else if (op == SQRT) backwardSqrt(dx, g, x, y, n, accumulate);
  else if (op == SQUARE) backwardSquare(dx, g, x, y, n, accumulate);
  else if (op == ERF) backwardErf(dx, g, x, y, n, accumulate);
  else if (op == SIGMOID) backwardSigmoid(dx, g, x, y, n, accumulate);
  else if (op == GELU) backwardGelu(dx, g, x, y, n, accumulate);
  else if (op == GELU_TANH) backwardGeluTanh(dx, g, x, y, n, accumulate);
  else backwardReciprocal(dx, g, x, y, n, accumulate);
}
