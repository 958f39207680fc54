/** The multi-layer perceptron of makemore parts 2 and 3 (Bengio et al., 2003), with batch norm. */
import * as z from 'zod';
import { BatchNorm1d, Embedding, FlattenConsecutive, init, Linear, Sequential, Tanh } from '../core/nn/index.ts';

export const mlpSchema = z.strictObject({
  vocabSize: z.int().positive(),
  blockSize: z.int().positive(),
  embeddingDim: z.int().positive(),
  hidden: z.int().positive(),
});

/** Context ids [N, blockSize] → logits [N, vocabSize]. Initialised as the lecture ends: Kaiming ·5/3, last layer ×0.01. */
export function mlp({ vocabSize, blockSize, embeddingDim, hidden }: z.infer<typeof mlpSchema>): Sequential {
  const inputs = blockSize * embeddingDim;
  return new Sequential(
    new Embedding(vocabSize, embeddingDim),
    new FlattenConsecutive(blockSize),
    new Linear(inputs, hidden, { bias: false, init: init.normal(0, 5 / 3 / Math.sqrt(inputs)) }),
    new BatchNorm1d(hidden),
    new Tanh(),
    new Linear(hidden, vocabSize, { init: init.normal(0, 0.01), biasInit: init.zeros }),
  );
}
