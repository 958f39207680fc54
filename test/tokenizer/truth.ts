/**
 * The two published tokenizers as others have them: js-tiktoken and the `tiktoken` package, the original's Rust in WASM. Where the two
 * differ the latter is right: JavaScript's `\s`, which js-tiktoken cuts by, lacks U+0085 and has U+FEFF, and its cl100k_base spells
 * out the letters of contractions, among which "ſ", an s to whoever disregards case, is not. The original in its turn knows fewer
 * letters than a younger engine does: where that shows, the published pattern is right, matched by this engine.
 */
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import gpt2 from 'js-tiktoken/ranks/gpt2';
import { get_encoding } from 'tiktoken';

/** Texts with these are left to the original. */
export const DISPUTED = /[\x85\ufeffſ]/;

export interface Truth {
  readonly name: 'gpt2' | 'cl100k_base';
  readonly js: Tiktoken;
  readonly original: ReturnType<typeof get_encoding>;
}

export const truths = (): readonly Truth[] => [
  { name: 'gpt2', js: new Tiktoken(gpt2), original: get_encoding('gpt2') },
  { name: 'cl100k_base', js: new Tiktoken(cl100k), original: get_encoding('cl100k_base') },
];

/** Compares ids quickly, since `expect` takes its time: it is for those that differ. */
export const isSame = (ours: Uint32Array, theirs: ArrayLike<number>): boolean => {
  if (ours.length !== theirs.length) return false;
  for (let i = 0; i < ours.length; i++) if (ours[i] !== theirs[i]) return false;
  return true;
};
