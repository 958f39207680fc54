/**
 * micrograd's engine: a number that remembers what it was computed from, and backpropagation over such numbers.
 * It is the lecture's `Value`, for reading and for small demonstrations. What manygrad trains with is `core/tensor`,
 * which does the same for whole tensors; nothing there uses this file.
 */

/** What produced a value; a leaf has ''. Of the others, neg, sub and div are made: a − b is a + (b · −1), a / b is a · b**−1. */
export type Op = '' | '+' | '*' | `**${number}` | 'exp' | 'log' | 'tanh' | 'ReLU';

/** A value, or a number that becomes a leaf. */
export type Operand = Value | number;

export class Value {
  data: number;
  /** The derivative of the value that `backward` was called on by this one. 0: no effect, as far as is known. */
  grad = 0;
  /** For pictures. */
  label: string;
  readonly children: readonly Value[];
  readonly op: Op;
  /** The chain rule at this node: adds to the children's gradients what this node's own gradient makes of them. */
  #backward: (() => void) | undefined;

  /** A leaf. The other two arguments are for the operations below. */
  constructor(data: number, label = '', children: readonly Value[] = [], op: Op = '') {
    this.data = data;
    this.label = label;
    this.children = children;
    this.op = op;
  }

  /** The value itself, or a new leaf of the number. */
  static of(operand: Operand): Value {
    return operand instanceof Value ? operand : new Value(operand);
  }

  /** this + other */
  add(other: Operand): Value {
    const that = Value.of(other);
    const out = new Value(this.data + that.data, '', [this, that], '+');
    // `+=` and not `=`, here and below: a value may be used more than once (a + a), and its gradients add up.
    out.#backward = () => {
      this.grad += out.grad;
      that.grad += out.grad;
    };
    return out;
  }

  /** this · other */
  mul(other: Operand): Value {
    const that = Value.of(other);
    const out = new Value(this.data * that.data, '', [this, that], '*');
    out.#backward = () => {
      this.grad += that.data * out.grad;
      that.grad += this.data * out.grad;
    };
    return out;
  }

  /** this to the power of a number: an exponent that is a value would need another derivative. @throws TypeError on one */
  pow(exponent: number): Value {
    if (typeof exponent !== 'number') throw new TypeError('pow takes a number as its exponent, not a value.');
    const out = new Value(this.data ** exponent, '', [this], `**${exponent}`);
    out.#backward = () => {
      // x⁰ is constant, at 0 too, where 0 · 0**−1 would be NaN.
      if (exponent !== 0) this.grad += exponent * this.data ** (exponent - 1) * out.grad;
    };
    return out;
  }

  /** eˣ */
  exp(): Value {
    const out = new Value(Math.exp(this.data), '', [this], 'exp');
    out.#backward = () => {
      this.grad += out.data * out.grad;
    };
    return out;
  }

  /** The natural logarithm. */
  log(): Value {
    const out = new Value(Math.log(this.data), '', [this], 'log');
    out.#backward = () => {
      this.grad += out.grad / this.data;
    };
    return out;
  }

  /** tanh x, as one node: how finely a function is cut is a matter of choice as long as its derivative is known. */
  tanh(): Value {
    const out = new Value(Math.tanh(this.data), '', [this], 'tanh');
    out.#backward = () => {
      this.grad += (1 - out.data ** 2) * out.grad;
    };
    return out;
  }

  /** max(0, x), with the derivative 0 at 0. */
  relu(): Value {
    const out = new Value(Math.max(0, this.data), '', [this], 'ReLU');
    out.#backward = () => {
      if (out.data > 0) this.grad += out.grad;
    };
    return out;
  }

  /** −this */
  neg(): Value {
    return this.mul(-1);
  }

  /** this − other */
  sub(other: Operand): Value {
    return this.add(Value.of(other).neg());
  }

  /** this / other */
  div(other: Operand): Value {
    return this.mul(Value.of(other).pow(-1));
  }

  /** Names the value, for pictures. @returns the value */
  named(label: string): this {
    this.label = label;
    return this;
  }

  /**
   * All values that this one depends on, each once, after its own children; this one is the last.
   * A walk in depth with a stack of its own: recursion, as in the lecture, would overflow JavaScript's after some
   * ten thousand values in a chain.
   */
  topological(): Value[] {
    const order: Value[] = [];
    const visited = new Set<Value>([this]);
    const path: { readonly value: Value; next: number }[] = [{ value: this, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const child = top.value.children[top.next++];
      if (child === undefined) {
        order.push(top.value);
        path.pop();
      } else if (!visited.has(child)) {
        visited.add(child);
        path.push({ value: child, next: 0 });
      }
    }
    return order;
  }

  /** Backpropagation: adds to the `grad` of every value below this one the derivative of this one by it. */
  backward(): void {
    this.grad = 1;
    // From this value down: a value hands its gradient on when all that use it have added to it.
    for (const value of this.topological().reverse()) value.#backward?.();
  }

  toString(): string {
    return `Value(data=${this.data}, grad=${this.grad})`;
  }
}

// TypeScript has no operators of one's own, so `2 + a` is `add(2, a)`, where a number may stand on either side.

/** a + b */
export const add = (a: Operand, b: Operand): Value => Value.of(a).add(b);
/** a − b */
export const sub = (a: Operand, b: Operand): Value => Value.of(a).sub(b);
/** a · b */
export const mul = (a: Operand, b: Operand): Value => Value.of(a).mul(b);
/** a / b */
export const div = (a: Operand, b: Operand): Value => Value.of(a).div(b);
/** The sum from left to right, begun with `start`. */
export const sum = (values: Iterable<Value>, start: Operand = 0): Value => {
  let total = Value.of(start);
  for (const value of values) total = total.add(value);
  return total;
};
