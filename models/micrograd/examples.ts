/** The expressions that the lecture works through, built as it builds them. They say and draw nothing, see `lecture.ts`. */
import { add, div, mul, Value } from './value.ts';

/** L = d · f, where d = e + c and e = a · b: the first expression that the lecture backpropagates through. */
export function firstExpression(at = { a: 2, b: -3, c: 10, f: -2 }) {
  const a = new Value(at.a, 'a');
  const b = new Value(at.b, 'b');
  const c = new Value(at.c, 'c');
  const f = new Value(at.f, 'f');
  const e = a.mul(b).named('e');
  const d = e.add(c).named('d');
  const L = d.mul(f).named('L');
  return { a, b, c, d, e, f, L };
}

/** The bias for which the numbers come out nicely. */
const BIAS = 6.8813735870195432;

/** A neuron of two inputs with tanh: as one node, or composed of exp as (e²ⁿ − 1) / (e²ⁿ + 1). */
export function neuronExpression(tanh: 'one node' | 'composed') {
  const x1 = new Value(2, 'x1');
  const x2 = new Value(0, 'x2');
  const w1 = new Value(-3, 'w1');
  const w2 = new Value(1, 'w2');
  const b = new Value(BIAS, 'b');
  const x1w1 = x1.mul(w1).named('x1*w1');
  const x2w2 = x2.mul(w2).named('x2*w2');
  const n = x1w1.add(x2w2).named('x1*w1 + x2*w2').add(b).named('n');
  const o = (tanh === 'one node' ? n.tanh() : composedTanh(n)).named('o');
  return { x1, x2, w1, w2, b, n, o };
}

function composedTanh(n: Value): Value {
  const e = mul(2, n).exp().named('e');
  return e.sub(1).div(e.add(1));
}

/** The expression of micrograd's README, which means nothing and uses everything. */
export function readmeExpression(a = new Value(-4, 'a'), b = new Value(2, 'b')) {
  let c = a.add(b);
  let d = a.mul(b).add(b.pow(3));
  c = c.add(c.add(1));
  c = c.add(add(1, c).add(a.neg()));
  d = d.add(d.mul(2).add(b.add(a).relu()));
  d = d.add(mul(3, d).add(b.sub(a).relu()));
  const e = c.sub(d);
  const f = e.pow(2);
  const g = f.div(2).add(div(10, f)).named('g');
  return { a, b, g };
}
