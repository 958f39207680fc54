/** micrograd's engine: the lecture's numbers, every operation against central differences, accumulation, long chains. */
import { describe, expect, test } from 'vitest';
import { PythonRandom } from '../../../core/random/python.ts';
import { firstExpression, neuronExpression, readmeExpression } from '../../../models/micrograd/examples.ts';
import { gradcheck, numericGradient } from '../../../models/micrograd/gradcheck.ts';
import { add, div, mul, sub, sum, Value } from '../../../models/micrograd/value.ts';

const grads = (values: Readonly<Record<string, Value>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, { grad }]) => [name, grad]));

describe("the lecture's expressions", () => {
  test('L = d · f', () => {
    const { a, b, c, d, e, f, L } = firstExpression();
    L.backward();
    expect(L.data).toBe(-8);
    expect(grads({ L, f, d, c, e, a, b })).toEqual({ L: 1, f: 4, d: -2, c: -2, e: -2, a: 6, b: -4 });
  });

  test.each(['one node', 'composed'] as const)('a neuron, tanh %s', (tanh) => {
    const { o, x1, x2, w1, w2 } = neuronExpression(tanh);
    o.backward();
    expect(o.data).toBeCloseTo(Math.SQRT1_2, 12);
    for (const [value, grad] of [
      [x1, -1.5],
      [w1, 1],
      [x2, 0.5],
      [w2, 0],
    ] as const) {
      expect(value.grad).toBeCloseTo(grad, 12);
    }
  });

  test("the README's", () => {
    const { a, b, g } = readmeExpression();
    g.backward();
    expect([g.data, a.grad, b.grad].map((x) => x.toFixed(4))).toEqual(['24.7041', '138.8338', '645.5773']);
    expect(gradcheck(([x, y]) => readmeExpression(x, y).g, [-4, 2])).toBeLessThan(1e-8);
  });
});

describe('operations', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = new PythonRandom(seed);
  // Away from 0 on either side, where relu has its corner and 1 / x and log their poles.
  const positive = () => random.uniform(0.2, 3);
  const any = () => (random.random() < 0.5 ? -1 : 1) * positive();
  const nothing = new Value(Number.NaN);

  type Operation = readonly [
    name: string,
    f: (x: Value, y: Value) => Value,
    x: () => number,
    expected: (x: number, y: number) => number,
  ];
  const operations: readonly Operation[] = [
    ['x + y', (x, y) => x.add(y), any, (x, y) => x + y],
    ['x + 2', (x) => x.add(2), any, (x) => x + 2],
    ['2 + x', (x) => add(2, x), any, (x) => 2 + x],
    ['x − y', (x, y) => x.sub(y), any, (x, y) => x - y],
    ['x − 2', (x) => x.sub(2), any, (x) => x - 2],
    ['2 − x', (x) => sub(2, x), any, (x) => 2 - x],
    ['x · y', (x, y) => x.mul(y), any, (x, y) => x * y],
    ['x · 2', (x) => x.mul(2), any, (x) => x * 2],
    ['2 · x', (x) => mul(2, x), any, (x) => 2 * x],
    ['x / y', (x, y) => x.div(y), any, (x, y) => x / y],
    ['x / 2', (x) => x.div(2), any, (x) => x / 2],
    ['2 / x', (x) => div(2, x), any, (x) => 2 / x],
    ['−x', (x) => x.neg(), any, (x) => -x],
    ['x³', (x) => x.pow(3), any, (x) => x ** 3],
    ['x⁻²', (x) => x.pow(-2), any, (x) => x ** -2],
    ['√x', (x) => x.pow(0.5), positive, (x) => x ** 0.5],
    ['x⁰', (x) => x.pow(0), any, () => 1],
    ['exp x', (x) => x.exp(), any, Math.exp],
    ['log x', (x) => x.log(), positive, Math.log],
    ['tanh x', (x) => x.tanh(), any, Math.tanh],
    ['relu x', (x) => x.relu(), any, (x) => Math.max(0, x)],
    [
      'all of them',
      (x, y) => sum([x.tanh().mul(y), y.exp().div(x), x.relu().sub(y).pow(2)], 1),
      any,
      (x, y) => 1 + Math.tanh(x) * y + Math.exp(y) / x + (Math.max(0, x) - y) ** 2,
    ],
  ];

  test.each(operations)(`%s (seed ${seed})`, (_, f, first, expected) => {
    for (let i = 0; i < 20; i++) {
      const [x, y] = [first(), any()];
      expect(f(new Value(x), new Value(y)).data).toBeCloseTo(expected(x, y), 9);
      expect(gradcheck(([a = nothing, b = nothing]) => f(a, b), [x, y])).toBeLessThan(1e-6);
    }
  });

  test('the exponent is a number', () => {
    // As JavaScript could call it.
    const pow = Value.prototype.pow as (exponent: unknown) => Value;
    expect(() => pow.call(new Value(2), new Value(3))).toThrow(TypeError);
  });

  test('x⁰ has the gradient 0 at 0, relu at its corner', () => {
    for (const f of [(x: Value) => x.pow(0), (x: Value) => x.relu()]) {
      const x = new Value(0);
      f(x).backward();
      expect(x.grad).toBe(0);
    }
  });
});

describe('backpropagation', () => {
  test('gradients accumulate in a value that is used twice', () => {
    const a = new Value(3);
    a.add(a).backward();
    expect(a.grad).toBe(2);

    const [x, y] = [new Value(-2), new Value(3)];
    const d = x.mul(y);
    const e = x.add(y);
    d.mul(e).backward();
    expect([x.grad, y.grad]).toEqual([-3, -8]);
  });

  test('values come after their children, each once', () => {
    const { L } = firstExpression();
    const order = L.topological();
    expect(new Set(order).size).toBe(order.length);
    expect(order).toHaveLength(7);
    for (const [i, value] of order.entries())
      for (const child of value.children) expect(order.indexOf(child)).toBeLessThan(i);
  });

  test('a chain of a million values', { timeout: 60_000 }, () => {
    const x = new Value(1);
    let end = x;
    for (let i = 0; i < 1_000_000; i++) end = end.neg();
    end.backward();
    expect(end.data).toBe(1);
    expect(x.grad).toBe(1);
  });

  test('as many paths as 2¹⁰⁰ are walked once', () => {
    const x = new Value(1);
    let end = x;
    for (let i = 0; i < 100; i++) end = end.add(end);
    end.backward();
    expect(x.grad).toBe(2 ** 100);
  });
});

describe('the gradient checker', () => {
  test('finds the slopes of the lecture', () => {
    const slope = (at: number) => numericGradient(([x = 0]) => 3 * x ** 2 - 4 * x + 5, [at])[0];
    expect([3, -3].map(slope).map((s) => s?.toFixed(6))).toEqual(['14.000000', '-22.000000']);
    expect(slope(2 / 3)).toBeCloseTo(0, 6);
  });

  test('sees a wrong gradient, and NaN', () => {
    // x² whose gradient goes through one of the factors only.
    const wrong = ([x = new Value(0)]: readonly Value[]) => x.mul(x.data);
    expect(gradcheck(wrong, [3])).toBeCloseTo(0.5, 6);
    expect(gradcheck(([x = new Value(0)]) => x.log(), [-1])).toBeNaN();
  });
});
