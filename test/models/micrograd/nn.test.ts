/** micrograd's networks: sizes, the classifier of four examples, and the two moons as micrograd's repository has them. */
import { describe, expect, test } from 'vitest';
import { PythonRandom } from '../../../core/random/python.ts';
import { classify, TARGETS } from '../../../models/micrograd/classifier.ts';
import { gradcheck } from '../../../models/micrograd/gradcheck.ts';
import { measure, moonsModel, trainMoons } from '../../../models/micrograd/moons.ts';
import { makeMoons } from '../../../models/micrograd/moonsData.ts';
import { MLP, Neuron } from '../../../models/micrograd/nn.ts';
import { surface } from '../../../models/micrograd/surface.ts';
import { sum } from '../../../models/micrograd/value.ts';

describe('networks', () => {
  test('MLP(3, [4, 4, 1]) has 41 parameters, between −1 and 1, a function of the seed', () => {
    const parameters = (seed: number) => new MLP(3, [4, 4, 1], new PythonRandom(seed)).parameters().map((p) => p.data);
    expect(parameters(1)).toHaveLength(41);
    expect(parameters(1).every((p) => Math.abs(p) <= 1)).toBe(true);
    expect(parameters(1)).toEqual(parameters(1));
    expect(parameters(1)).not.toEqual(parameters(2));
  });

  test('a neuron is act(w · x + b)', () => {
    const x = [0.5, -2];
    for (const [nonlinearity, act] of [
      ['tanh', Math.tanh],
      ['relu', (n: number) => Math.max(0, n)],
      ['linear', (n: number) => n],
    ] as const) {
      const neuron = new Neuron(2, new PythonRandom(3), { nonlinearity });
      const n = neuron.b.data + neuron.w.reduce((total, w, i) => total + w.data * (x[i] ?? 0), 0);
      expect(neuron.forward(x).data).toBeCloseTo(act(n), 12);
    }
  });

  test('the last layer may be linear, a bias 0', () => {
    const model = new MLP(2, [3, 1], new PythonRandom(3), { nonlinearity: 'relu', lastLinear: true, bias: 'zero' });
    expect(model.score([1, 1]).op).toBe('+');
    expect(model.layers.flatMap(({ neurons }) => neurons.map(({ b }) => b.data))).toEqual([0, 0, 0, 0]);
  });

  test('gradients go through a whole network to its inputs, and zeroGrad forgets those of the parameters', () => {
    const model = new MLP(3, [4, 4, 1], new PythonRandom(5));
    expect(gradcheck((x) => model.score(x), [2, 3, -1])).toBeLessThan(1e-8);
    expect(model.parameters().some(({ grad }) => grad !== 0)).toBe(true);
    model.zeroGrad();
    expect(model.parameters().every(({ grad }) => grad === 0)).toBe(true);
  });

  test('a wrong number of inputs or outputs is an error', () => {
    const model = new MLP(3, [2], new PythonRandom(5));
    expect(() => model.forward([1, 2])).toThrow('a neuron with 3 weights was given 2 inputs.');
    expect(() => model.score([1, 2, 3])).toThrow(RangeError);
  });
});

test('the classifier of four examples is below 0.01 in 20 to 100 steps', () => {
  const { losses, predictions } = classify();
  expect(losses.at(-1)).toBeLessThan(0.01);
  expect(losses.length - 1).toBeGreaterThanOrEqual(20);
  expect(losses.length - 1).toBeLessThanOrEqual(100);
  expect(predictions.map(Math.sign)).toEqual(TARGETS);
});

describe('two moons', () => {
  test("are NumPy's", () => {
    const [first, second] = makeMoons();
    // np.random.seed(1337), then make_moons of scikit-learn, in NumPy 1.24.
    expect(first).toEqual({ x: [expect.closeTo(1.12211461, 8), expect.closeTo(0.08147717, 8)], y: -1 });
    expect(second).toEqual({ x: [expect.closeTo(-0.81882941, 8), expect.closeTo(0.05879006, 8)], y: -1 });
    expect(
      makeMoons(7)
        .map(({ y }) => y)
        .sort(),
    ).toEqual([-1, -1, -1, 1, 1, 1, 1]);
  });

  test("are told apart, with the repository's losses", { timeout: 60_000 }, () => {
    const model = moonsModel();
    expect(model.parameters()).toHaveLength(337);
    const examples = makeMoons();
    const steps = trainMoons(model, examples);
    // demo.ipynb's. Not to the last digit: exp and the like may differ between engines, as may the order of a sum.
    expect(steps[0]).toEqual({ step: 0, loss: expect.closeTo(0.8958441028683222, 9), accuracy: 0.5 });
    expect(steps[20]).toEqual({ step: 20, loss: expect.closeTo(0.18977522856087634, 9), accuracy: 0.91 });
    expect(steps[99]).toEqual({ step: 99, loss: expect.closeTo(0.010978370135492717, 9), accuracy: 1 });
    expect(measure(model, examples).accuracy).toBe(1);
  });

  test('the loss is the mean of the margins and α Σ p²', () => {
    const model = moonsModel();
    const examples = makeMoons(5);
    const hinge = examples.map(({ x, y }) => Math.max(0, 1 - y * model.score(x).data)).reduce((a, b) => a + b) / 5;
    const squares = sum(model.parameters().map((p) => p.pow(2))).data;
    expect(measure(model, examples).loss.data).toBeCloseTo(hinge + 1e-4 * squares, 12);
  });

  test('their surface has a cell for each side and a mark for each point', () => {
    const svg = surface(([x]) => x, makeMoons(10));
    expect(svg.match(/<circle/g)).toHaveLength(5);
    expect(svg.match(/<rect[^>]*transform/g)).toHaveLength(5);
    const left = svg.split('\n').find((line) => line.includes('<rect'));
    expect(left).toContain('#c5d9ef');
    expect(svg).toContain('#f6d7b8');
  });
});
