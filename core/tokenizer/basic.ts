/** Byte-pair encoding of whole texts, the lecture's first tokenizer: pairs are merged wherever they stand, across words and spaces. */

import { ChunkedTokenizer } from './chunked.ts';
import { BytePairs } from './merging/bytePairs.ts';
import { learnMerges, type Progress } from './merging/learnMerges.ts';
import type { Pair } from './merging/pairs.ts';
import { toBytes } from './utf8.ts';

const NONE: ReadonlyMap<string, number> = new Map();

export class BasicTokenizer extends ChunkedTokenizer {
  /** @param merges in the order in which they were learned: the i-th makes the token 256 + i */
  constructor(merges: readonly Pair[], special: ReadonlyMap<string, number> = NONE) {
    super(new BytePairs({ merges }), null, special);
  }

  /**
   * Learns the merges of a text.
   * @param vocabSize 256 and more; fewer tokens are learned where no pair is left
   */
  static train(text: string, vocabSize: number, progress?: Progress): BasicTokenizer {
    return new BasicTokenizer(learnMerges([[toBytes(text), 1]], vocabSize - 256, progress));
  }
}
