/**
 * The neural bigram of makemore part 1, as a model that workers train: a character's row of one table is the logits of the
 * next. The lecture's own training, full batch and in one process, is in neural.ts.
 */
import * as z from 'zod';
import { Embedding, FlattenConsecutive, Sequential } from '../../core/nn/index.ts';

export const bigramSchema = z.strictObject({
  vocabSize: z.int().positive(),
  /** The one character before: a bigram has no longer context. */
  blockSize: z.literal(1).default(1),
});

/** Token ids [N, 1] → logits [N, vocabSize]. The rows are what one_hot(ids) @ W plucks out of W in the lecture. */
export function bigram({ vocabSize }: z.infer<typeof bigramSchema>): Sequential {
  return new Sequential(new Embedding(vocabSize, vocabSize), new FlattenConsecutive(1));
}
