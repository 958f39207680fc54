/** The lecture's binary classifier: four examples, a perceptron of 41 parameters, gradient descent written out. */
import { PythonRandom } from '../../core/random/python.ts';
import { MLP } from './nn.ts';
import { sum } from './value.ts';

const INPUTS = [
  [2, 3, -1],
  [3, -1, 0.5],
  [0.5, 1, 1],
  [1, 1, -1],
] as const;

export const TARGETS = [1, -1, -1, 1] as const;

export interface Classified {
  readonly model: MLP;
  /** At each step, before its update; the last is after the last update. */
  readonly losses: readonly number[];
  readonly predictions: readonly number[];
}

/**
 * Trains until the sum of squared errors is below `until`, or for `atMost` steps. The lecture's first weights are not
 * known, since it draws them without a seed.
 */
export function classify({ seed = 1337, rate = 0.1, until = 0.01, atMost = 1000 } = {}): Classified {
  const model = new MLP(3, [4, 4, 1], new PythonRandom(seed));
  const losses: number[] = [];
  for (;;) {
    const predictions = INPUTS.map((x) => model.score(x));
    const loss = sum(predictions.map((y, i) => y.sub(TARGETS[i] ?? 0).pow(2)));
    losses.push(loss.data);
    if (loss.data < until || losses.length > atMost) {
      return { model, losses, predictions: predictions.map(({ data }) => data) };
    }
    model.zeroGrad();
    loss.backward();
    for (const p of model.parameters()) p.data -= rate * p.grad;
  }
}
