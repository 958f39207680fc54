/** Byte-pair encoding of a text cut by a pattern, GPT-2's idea: no token crosses from a word into the next, or into its punctuation. */

import { ChunkedTokenizer } from './chunked.ts';
import { BytePairs, type BytePairsParts } from './merging/bytePairs.ts';
import { learnMerges, type Progress } from './merging/learnMerges.ts';
import { ChunkCounts } from './splitting/chunkCounts.ts';
import { GPT4_PATTERN } from './splitting/gpt4Splitter.ts';
import { splitterOf } from './splitting/patterns.ts';

const NONE: ReadonlyMap<string, number> = new Map();

export class RegexTokenizer extends ChunkedTokenizer {
  readonly pattern: string;

  /** @throws UserError where the pattern, the merges or the special tokens are none */
  constructor(pattern: string, parts: BytePairsParts, special: ReadonlyMap<string, number> = NONE) {
    super(new BytePairs(parts), splitterOf(pattern), special);
    this.pattern = pattern;
  }

  /** Learns the merges of a text. @param vocabSize 256 and more, special tokens not counted */
  static train(text: string, vocabSize: number, pattern = GPT4_PATTERN, progress?: Progress): RegexTokenizer {
    const counts = new ChunkCounts(splitterOf(pattern));
    counts.add(text);
    return new RegexTokenizer(pattern, { merges: learnMerges(counts.entries(), vocabSize - 256, progress) });
  }
}
