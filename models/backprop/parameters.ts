/** The parameters that the lecture differentiates by, and their first values, drawn as its notebook does. No arithmetic. */
import type { TorchGenerator } from '../../core/random/torch.ts';
import { type Matrix, map, matrix } from './matrix.ts';

/** By the lecture's names. */
export interface Parameters {
  /** The embedding: [vocabulary, E]. */
  readonly C: Matrix;
  /** The hidden layer: [block · E, H] and [1, H]. Batch norm takes b1 away again: its gradient is 0. */
  readonly W1: Matrix;
  readonly b1: Matrix;
  /** The output layer: [H, vocabulary] and [1, vocabulary]. */
  readonly W2: Matrix;
  readonly b2: Matrix;
  /** Batch norm's gain and bias: [1, H]. */
  readonly bngain: Matrix;
  readonly bnbias: Matrix;
}

export interface Sizes {
  readonly vocabSize: number;
  readonly blockSize: number;
  readonly embeddingDim: number;
  readonly hidden: number;
}

/** The seed of the notebook's generator. */
export const NOTEBOOK_SEED = 2_147_483_647;

/** The lecture's two models, but for the vocabulary: the small one is differentiated step by step, the other trained. */
export const exercise = { blockSize: 3, embeddingDim: 10, hidden: 64 } as const;
export const trained = { blockSize: 3, embeddingDim: 10, hidden: 200 } as const;

/**
 * First values in the notebook's order. Biases begin as small random numbers and the gain near 1, where 0 and 1 would do:
 * with those, some wrong gradients look right.
 */
export function firstParameters(sizes: Sizes, generator: TorchGenerator): Parameters {
  const inputs = sizes.blockSize * sizes.embeddingDim;
  const randn = (rows: number, cols: number) => matrix(rows, cols, generator.randn(rows * cols));
  const small = (v: number) => v * Math.fround(0.1);
  const kaiming = 5 / 3 / Math.sqrt(inputs);
  const { vocabSize, embeddingDim, hidden } = sizes;
  return {
    C: randn(vocabSize, embeddingDim),
    W1: map(randn(inputs, hidden), (v) => v * kaiming),
    b1: map(randn(1, hidden), small),
    W2: map(randn(hidden, vocabSize), small),
    b2: map(randn(1, vocabSize), small),
    bngain: map(randn(1, hidden), (v) => small(v) + 1),
    bnbias: map(randn(1, hidden), small),
  };
}

/** How many numbers there are to learn. */
export const parameterCount = (parameters: Parameters): number =>
  Object.values(parameters).reduce((sum: number, { data }: Matrix) => sum + data.length, 0);

/** A step of gradient descent, in place: each parameter less `rate` times its gradient. */
export function descend(parameters: Parameters, gradients: Parameters, rate: number): void {
  for (const name of ['C', 'W1', 'b1', 'W2', 'b2', 'bngain', 'bnbias'] as const) {
    const [{ data }, gradient] = [parameters[name], gradients[name].data];
    for (let i = 0; i < data.length; i++) data[i] -= rate * gradient[i];
  }
}
