/** The hierarchical network of makemore part 5, after WaveNet (van den Oord et al., 2016): pairs fuse, level by level. */
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

export const wavenetSchema = z.strictObject({
  vocabSize: z.int().positive(),
  /** A power of two: each level halves the number of positions. */
  blockSize: z.int().refine((n) => n >= 2 && Number.isInteger(Math.log2(n)), 'must be a power of two, at least 2'),
  embeddingDim: z.int().positive(),
  hidden: z.int().positive(),
  /** As in mlp.ts. */
  unbiased: z.boolean().optional(),
  /**
   * What a channel's mean and variance are taken over: the batch and its positions, or, as the lecture's layer did by
   * mistake at first, the batch alone, each position by itself.
   */
  normOver: z.enum(['batch and positions', 'batch']).optional(),
});

/** Context ids [N, blockSize] → logits [N, vocabSize]. Weights N(0, 1/in), the last layer's ×0.1: less confident at first. */
export function wavenet({
  vocabSize,
  blockSize,
  embeddingDim,
  hidden,
  unbiased = false,
  normOver = 'batch and positions',
}: z.infer<typeof wavenetSchema>): Sequential {
  const fuse = (channels: number, positions: number): Module[] => [
    new FlattenConsecutive(2),
    new Linear(channels * 2, hidden, { bias: false, init: init.normal(0, 1 / Math.sqrt(channels * 2)) }),
    new BatchNorm1d(hidden, { unbiased, positions: normOver === 'batch' ? positions : 1 }),
    new Tanh(),
  ];
  const levels = Array.from({ length: Math.log2(blockSize) }, (_, i) =>
    fuse(i === 0 ? embeddingDim : hidden, blockSize >> (i + 1)),
  );
  return new Sequential(
    new Embedding(vocabSize, embeddingDim),
    ...levels.flat(),
    new Linear(hidden, vocabSize, { init: init.normal(0, 0.1 / Math.sqrt(hidden)), biasInit: init.zeros }),
  );
}
