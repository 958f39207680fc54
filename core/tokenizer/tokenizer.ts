/**
 * What every tokenizer is: text to ids, and ids to the bytes that they stand for. Not how: that is in the files beside, each of which
 * adds one idea to the one before. character → basic (byte pairs) → regex (split first) → gpt4 (published ranks); sentencePiece goes
 * its own way.
 */

/**
 * Which special tokens may be read out of a text, as OpenAI's tiktoken has it: `none_raise`, the default, refuses a text that holds
 * one, since a user who writes "<|endoftext|>" should not end the document; `none` takes it for ordinary text; a set allows those
 * and takes the others for ordinary text.
 */
export type AllowedSpecial = 'all' | 'none' | 'none_raise' | ReadonlySet<string>;

export interface Tokenizer {
  /** Ids are below it. Not each must be a token: published vocabularies have gaps. */
  readonly vocabSize: number;
  /** The special tokens and their ids. */
  readonly special: ReadonlyMap<string, number>;
  /**
   * The ids of a text. Lone surrogates are read as U+FFFD.
   * @throws UserError on a special token that is not allowed, or text that the vocabulary cannot spell
   */
  encode(text: string, allowedSpecial?: AllowedSpecial): Uint32Array<ArrayBuffer>;
  /** How many ids `encode` would give; none of them is kept. @throws as `encode` */
  count(text: string, allowedSpecial?: AllowedSpecial): number;
  /** The bytes that a token stands for, UTF-8 perhaps cut in the middle of a character. @throws RangeError where the id is no token's */
  bytesOf(id: number): Uint8Array;
  /** The bytes of some ids, one after the other. @throws RangeError where an id is no token's */
  decodeBytes(ids: Iterable<number>): Uint8Array<ArrayBuffer>;
  /** The text of some ids; what is no UTF-8 becomes U+FFFD. A byte-order mark stays. @throws RangeError where an id is no token's */
  decode(ids: Iterable<number>): string;
  /**
   * So much of the text can be encoded by itself: whatever follows, `encode` of it and of the rest are `encode` of the whole. What
   * streams are cut by; 0 where nothing is sure.
   */
  safeEnd(text: string, allowedSpecial?: AllowedSpecial): number;
  /**
   * Where a token's bytes depend on what was before it (a space that opens the text is dropped): a function that gives the bytes of
   * each id of a sequence in turn, from its first on, as `decodeBytes` puts them together. Otherwise `bytesOf` does.
   */
  bytesInTurn?(): (id: number) => Uint8Array;
  /** Where the bytes of the ids are not those of the text, since it is normalised: `encodeWithOffsets` (offsets.ts) in its own way. */
  encodeWithOffsets?(text: string, allowedSpecial?: AllowedSpecial): Offsets;
}

/** Ids, and the part of the text's UTF-8 that each stands for: of the i-th, the bytes [bounds[i], bounds[i + 1]). */
export interface Offsets {
  readonly ids: Uint32Array<ArrayBuffer>;
  /** One more than the ids, the first 0, ascending, the last the text's length in bytes (0 where there are no ids). */
  readonly bounds: Uint32Array<ArrayBuffer>;
}
