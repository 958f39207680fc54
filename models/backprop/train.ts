/**
 * The lecture's exercise 4: a whole training on gradients made by hand. Nothing of the tensor library is used, and nothing is
 * distributed: this is one loop, to be read. What the trained model is good for is in inference.ts.
 */
import type { TorchGenerator } from '../../core/random/torch.ts';
import { drawBatch, type Names } from './examples.ts';
import { forward } from './forward.ts';
import { fusedBackward } from './fused.ts';
import { descend, firstParameters, type Parameters, type Sizes } from './parameters.ts';

export interface TrainOptions {
  readonly sizes: Omit<Sizes, 'vocabSize'>;
  readonly steps: number;
  /** The step from which on the rate is 0.01 in place of 0.1; half of them when left out. */
  readonly dropAt?: number;
  /** 32 when left out. */
  readonly batch?: number;
  /** Told the loss of each step's batch, before its update. */
  readonly onStep?: (step: number, loss: number) => void;
}

/** The steps of the lecture's training. */
export const LECTURE_STEPS = 200_000;

/** Trains from first values. @param generator draws those and then the batches, as in the notebook */
export function train(names: Pick<Names, 'vocabulary' | 'train'>, generator: TorchGenerator, options: TrainOptions) {
  const { sizes, steps, dropAt = steps / 2, batch: n = 32, onStep } = options;
  const parameters: Parameters = firstParameters({ ...sizes, vocabSize: names.vocabulary.vocabSize }, generator);
  for (let step = 0; step < steps; step++) {
    const batch = drawBatch(names.train, n, generator);
    const pass = forward(parameters, batch);
    const gradients = fusedBackward(parameters, batch, pass);
    descend(parameters, gradients, step < dropAt ? 0.1 : 0.01);
    onStep?.(step, pass.loss);
  }
  return parameters;
}
