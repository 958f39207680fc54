/** Elementwise operations: unary functions, and the four arithmetic operations with broadcasting. */
import type { Buf, UnaryOp } from '../../backend/backend.ts';
import { broadcastShapes, broadcastStrides, numel, sameShape } from '../shape.ts';
import { output, type Target, Tensor, tensor } from '../tensor.ts';

function unary(op: UnaryOp, x: Tensor): Tensor {
  const { backend } = x;
  const y = backend.alloc(x.numel);
  backend.unary(op, y, x.buf);
  return output(backend, y, x.shape, op, [x], (g, target) => {
    const dx = target(0);
    if (dx) backend.unaryBackward(op, dx.buf, g, x.buf, y, dx.accumulate);
  });
}

export const neg = (x: Tensor): Tensor => unary('neg', x);
export const exp = (x: Tensor): Tensor => unary('exp', x);
export const log = (x: Tensor): Tensor => unary('log', x);
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
export const relu = (x: Tensor): Tensor => unary('relu', x);
export const sqrt = (x: Tensor): Tensor => unary('sqrt', x);
export const square = (x: Tensor): Tensor => unary('square', x);
export const erf = (x: Tensor): Tensor => unary('erf', x);
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);
export const reciprocal = (x: Tensor): Tensor => unary('reciprocal', x);

/** GELU (Hendrycks and Gimpel, 2016): x·Φ(x), or with 'tanh' GPT-2's approximation, as torch.nn.functional.gelu. */
export const gelu = (x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor =>
  unary(approximate === 'tanh' ? 'geluTanh' : 'gelu', x);

/** A number beside a tensor becomes a scalar tensor of the same backend. */
type Operand = Tensor | number;

function operands(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  if (a instanceof Tensor) return [a, b instanceof Tensor ? b : tensor(a.backend, [b], [])];
  if (b instanceof Tensor) return [tensor(b.backend, [a], []), b];
  throw new Error(`${op}: one of the two operands must be a tensor`);
}

/** a + b, broadcast as in PyTorch. */
export function add(a: Operand, b: Operand): Tensor {
  const [s, t] = operands('add', a, b);
  return arithmetic('add', s, t, (g, shape, target) => {
    for (const [i, input] of [s, t].entries()) {
      const to = target(i);
      if (to) sumTo(input, to, g, shape);
    }
  });
}

/** a − b, broadcast as in PyTorch. */
export function sub(a: Operand, b: Operand): Tensor {
  const [s, t] = operands('sub', a, b);
  return arithmetic('sub', s, t, (g, shape, target) => {
    const ds = target(0);
    if (ds) sumTo(s, ds, g, shape);
    const dt = target(1);
    if (dt) {
      const negated = t.backend.alloc(g.length);
      t.backend.scale(negated, g, -1, false);
      sumTo(t, dt, negated, shape);
    }
  });
}

/** a · b elementwise, broadcast as in PyTorch. */
export function mul(a: Operand, b: Operand): Tensor {
  const [s, t] = operands('mul', a, b);
  return arithmetic('mul', s, t, (g, shape, target) => {
    const ds = target(0);
    if (ds) times(s, ds, g, t, shape);
    const dt = target(1);
    if (dt) times(t, dt, g, s, shape);
  });
}

/** a / b elementwise, broadcast as in PyTorch. */
export function div(a: Operand, b: Operand): Tensor {
  const [s, t] = operands('div', a, b);
  const { backend } = s;
  return arithmetic('div', s, t, (g, shape, target, out) => {
    const strides = broadcastStrides(t.shape, shape);
    const dense = broadcastStrides(shape, shape);
    const quotient = backend.alloc(g.length);
    backend.binary('div', quotient, g, t.buf, shape, dense, strides, false);
    const ds = target(0);
    if (ds) sumTo(s, ds, quotient, shape);
    const dt = target(1);
    if (dt) {
      // d(a/b)/db = −(a/b)/b, and quotient is g/b already.
      const scaled = backend.alloc(g.length);
      backend.binary('mul', scaled, quotient, out, shape, dense, dense, false);
      backend.scale(scaled, scaled, -1, false);
      sumTo(t, dt, scaled, shape);
    }
  });
}

/**
 * x^exponent for a fixed number, as torch.pow: NaN for x < 0 unless the exponent is a whole number, x^0 = 1. The gradient is
 * exponent · x^(exponent − 1), and 0 for an exponent of 0.
 */
export function pow(x: Tensor, exponent: number): Tensor {
  if (exponent === 2) return square(x);
  if (exponent === 0.5) return sqrt(x);
  if (exponent === -1) return reciprocal(x);
  if (exponent === 1) return mul(x, 1);
  const { backend } = x;
  const y = backend.alloc(x.numel);
  backend.pow(y, x.buf, exponent);
  return output(backend, y, x.shape, 'pow', [x], (g, target) => {
    const dx = target(0);
    if (!dx) return;
    if (exponent === 0) {
      if (!dx.accumulate) backend.fill(dx.buf, 0);
      return;
    }
    const slope = backend.alloc(x.numel);
    backend.pow(slope, x.buf, exponent - 1);
    backend.scale(slope, slope, exponent, false);
    backend.binary('mul', dx.buf, g, slope, [x.numel], [1], [1], dx.accumulate);
  });
}

type ArithmeticBackward = (g: Buf, shape: readonly number[], target: (i: number) => Target | null, out: Buf) => void;

function arithmetic(op: 'add' | 'sub' | 'mul' | 'div', a: Tensor, b: Tensor, backward: ArithmeticBackward): Tensor {
  const { backend } = a;
  const shape = broadcastShapes(op, a.shape, b.shape);
  const out = backend.alloc(numel(shape));
  backend.binary(
    op,
    out,
    a.buf,
    b.buf,
    shape,
    broadcastStrides(a.shape, shape),
    broadcastStrides(b.shape, shape),
    false,
  );
  return output(backend, out, shape, op, [a, b], (g, target) => backward(g, shape, target, out));
}

/** Sums g, of `shape`, over the dimensions along which `input` was stretched. */
function sumTo(input: Tensor, to: Target, g: Buf, shape: readonly number[]): void {
  if (sameShape(input.shape, shape)) input.backend.scale(to.buf, g, 1, to.accumulate);
  else input.backend.sumInto(to.buf, g, shape, broadcastStrides(input.shape, shape), to.accumulate);
}

/** The gradient g · other, summed to the shape of `input`. */
function times(input: Tensor, to: Target, g: Buf, other: Tensor, shape: readonly number[]): void {
  const { backend } = input;
  const dense = broadcastStrides(shape, shape);
  const otherStrides = broadcastStrides(other.shape, shape);
  if (sameShape(input.shape, shape)) {
    backend.binary('mul', to.buf, g, other.buf, shape, dense, otherStrides, to.accumulate);
    return;
  }
  const product = backend.alloc(g.length);
  backend.binary('mul', product, g, other.buf, shape, dense, otherStrides, false);
  sumTo(input, to, product, shape);
}
