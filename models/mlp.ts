/**
 * The multi-layer perceptron of makemore parts 2 and 3 (Bengio et al., 2003), at each of the lectures' stages: what changes
 * from one to the next is how its weights begin, and at last that the hidden layer is normalised.
 */
import * as z from 'zod';
import {
  BatchNorm1d,
  Embedding,
  FlattenConsecutive,
  init,
  Linear,
  type Module,
  Sequential,
  Tanh,
} from '../core/nn/index.ts';

export const mlpSchema = z.strictObject({
  vocabSize: z.int().positive(),
  blockSize: z.int().positive(),
  embeddingDim: z.int().positive(),
  hidden: z.int().positive(),
  /** The lectures' stages, in their order; the last when left out. */
  stage: z.enum(['naive', 'softmax', 'tanh', 'kaiming', 'batch-norm']).optional(),
  /** Of batch norm: how much of a batch's statistics enters the running ones; 0.1 when left out. */
  momentum: z.number().gt(0).max(1).optional(),
  /** Of batch norm: normalise by the variance over n − 1, as the lecture's own layer, instead of n, as PyTorch's. */
  unbiased: z.boolean().optional(),
});

type MLPConfig = z.infer<typeof mlpSchema>;

/** tanh's gain: what keeps the spread of what goes through it (He et al., 2015; torch.nn.init.calculate_gain). */
const TANH_GAIN = 5 / 3;

/** The standard deviations that a stage's weights and biases begin with: hidden layer, then output layer. */
function spreads(stage: Exclude<MLPConfig['stage'], 'batch-norm' | undefined>, inputs: number) {
  switch (stage) {
    // As drawn: 27 in place of 3.3 for a first loss, for confidently wrong logits.
    case 'naive':
      return { w1: 1, b1: 1, w2: 1, b2: 1 };
    // Logits near zero.
    case 'softmax':
      return { w1: 1, b1: 1, w2: 0.01, b2: 0 };
    // And a hidden layer that is not saturated.
    case 'tanh':
      return { w1: 0.2, b1: 0.01, w2: 0.01, b2: 0 };
    // And a rule in place of a guess.
    case 'kaiming':
      return { w1: TANH_GAIN / Math.sqrt(inputs), b1: 0.01, w2: 0.01, b2: 0 };
    default:
      return stage satisfies never;
  }
}

/** Context ids [N, blockSize] → logits [N, vocabSize]. */
export function mlp({ vocabSize, blockSize, embeddingDim, hidden, ...options }: MLPConfig): Sequential {
  const { stage = 'batch-norm', momentum = 0.1, unbiased = false } = options;
  const inputs = blockSize * embeddingDim;
  const { w1, b1, w2, b2 } = spreads(stage === 'batch-norm' ? 'kaiming' : stage, inputs);
  // What batch norm takes away again is left out of the layer before it: its bias.
  const hiddenLayer: Module[] =
    stage === 'batch-norm'
      ? [
          new Linear(inputs, hidden, { bias: false, init: init.normal(0, w1) }),
          new BatchNorm1d(hidden, { momentum, unbiased }),
        ]
      : [new Linear(inputs, hidden, { init: init.normal(0, w1), biasInit: init.normal(0, b1) })];
  return new Sequential(
    new Embedding(vocabSize, embeddingDim),
    new FlattenConsecutive(blockSize),
    ...hiddenLayer,
    new Tanh(),
    new Linear(hidden, vocabSize, { init: init.normal(0, w2), biasInit: init.normal(0, b2) }),
  );
}
