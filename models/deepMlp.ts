/**
 * The deep perceptron of makemore part 3: hidden layers one after the other, with batch norm after every linear layer or
 * without, and a gain to begin with. Without batch norm the gain decides whether activations shrink, hold or saturate.
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

export const deepMlpSchema = z.strictObject({
  vocabSize: z.int().positive(),
  blockSize: z.int().positive(),
  embeddingDim: z.int().positive(),
  hidden: z.int().positive(),
  /** Hidden layers. */
  layers: z.int().positive(),
  batchNorm: z.boolean(),
  /** What weights N(0, 1/in) are multiplied by at first; 5/3, tanh's gain, when left out. */
  gain: z.number().positive().optional(),
  /** As in mlp.ts. */
  unbiased: z.boolean().optional(),
});

/** The output layer begins less confident by this. */
const LAST = 0.1;

/** Context ids [N, blockSize] → logits [N, vocabSize]. */
export function deepMlp(config: z.infer<typeof deepMlpSchema>): Sequential {
  const { vocabSize, blockSize, embeddingDim, hidden, layers, batchNorm, gain = 5 / 3, unbiased = false } = config;
  const linear = (inputs: number, outputs: number, times: number): Linear =>
    batchNorm
      ? new Linear(inputs, outputs, { bias: false, init: init.normal(0, times / Math.sqrt(inputs)) })
      : new Linear(inputs, outputs, { init: init.normal(0, times / Math.sqrt(inputs)), biasInit: init.zeros });
  const hiddenLayers = Array.from({ length: layers }, (_, i): Module[] => [
    linear(i === 0 ? blockSize * embeddingDim : hidden, hidden, gain),
    ...(batchNorm ? [new BatchNorm1d(hidden, { unbiased })] : []),
    new Tanh(),
  ]);
  const last: Module[] = batchNorm
    ? [linear(hidden, vocabSize, gain), new BatchNorm1d(vocabSize, { unbiased, init: init.constant(LAST) })]
    : [linear(hidden, vocabSize, LAST)];
  return new Sequential(
    new Embedding(vocabSize, embeddingDim),
    new FlattenConsecutive(blockSize),
    ...hiddenLayers.flat(),
    ...last,
  );
}
