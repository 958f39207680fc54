/**
 * The demonstration of micrograd's repository: two moons told apart by a perceptron of 337 parameters, trained on all
 * points at once with a hinge loss. Data, first weights and order of sums are the repository's, and so are its losses, to
 * some twelve digits. Says nothing and draws nothing: see `lecture.ts` and `surface.ts`.
 */
import { PythonRandom } from '../../core/random/python.ts';
import type { Example } from './moonsData.ts';
import { MLP } from './nn.ts';
import { sum, type Value } from './value.ts';

/** How strongly the squares of the parameters are held down. */
const ALPHA = 1e-4;

/** The repository's network: its `random.seed(1337)`, weights in its order, relu, a last layer that is linear. */
export const moonsModel = (seed = 1337): MLP =>
  new MLP(2, [16, 16, 1], new PythonRandom(seed), { nonlinearity: 'relu', lastLinear: true, bias: 'zero' });

export interface Measured {
  readonly loss: Value;
  /** The part of the examples on whose side of 0 the score is. */
  readonly accuracy: number;
}

/**
 * The mean of max(0, 1 − y · score), which asks each score to be on its side of 0 by a margin of 1, and the
 * regularisation α Σ p².
 */
export function measure(model: MLP, examples: readonly Example[]): Measured {
  const scores = examples.map(({ x }) => model.score(x));
  const margins = scores.map((score, i) =>
    score
      .mul(-(examples[i]?.y ?? 0))
      .add(1)
      .relu(),
  );
  const dataLoss = sum(margins).mul(1 / margins.length);
  const regularisation = sum(model.parameters().map((p) => p.mul(p))).mul(ALPHA);
  const right = scores.filter((score, i) => score.data > 0 === (examples[i]?.y ?? 0) > 0);
  return { loss: dataLoss.add(regularisation), accuracy: right.length / scores.length };
}

export interface MoonsStep {
  readonly step: number;
  /** Both before the step's update. */
  readonly loss: number;
  readonly accuracy: number;
}

/** Gradient descent at the rate 1 − 0.9 · step / steps. @returns what was measured at each step */
export function trainMoons(
  model: MLP,
  examples: readonly Example[],
  steps = 100,
  onStep: (step: MoonsStep) => void = () => {},
): MoonsStep[] {
  return Array.from({ length: steps }, (_, step) => {
    const { loss, accuracy } = measure(model, examples);
    model.zeroGrad();
    loss.backward();
    const rate = 1 - (0.9 * step) / steps;
    for (const p of model.parameters()) p.data -= rate * p.grad;
    const measured = { step, loss: loss.data, accuracy };
    onStep(measured);
    return measured;
  });
}
