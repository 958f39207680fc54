/** A tokenizer's description as it is sent: JSON, compressed, with the tokenizer's hash. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { describe, hashOf } from '../../core/tokenizer/description.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';

export interface PackedTokenizer {
  readonly hash: string;
  readonly gzip: Uint8Array;
}

/** @throws UserError for a tokenizer that has no description */
export async function packTokenizer(tokenizer: Tokenizer): Promise<PackedTokenizer> {
  const json = JSON.stringify(describe(tokenizer));
  return { hash: hashOf(tokenizer), gzip: await promisify(gzip)(json) };
}
