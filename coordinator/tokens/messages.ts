/** What the page of tokens and the threads that encode for it say to each other: one question at a time, one answer to each. */

/** Where a tokenizer comes from. */
export type Source =
  | { readonly kind: 'served'; readonly path: string; readonly key: string }
  | { readonly kind: 'file'; readonly bytes: Uint8Array };

/** So many tokens are shown at a time, however long the text is. */
export const WINDOW = 2000;

/** What to show. What is left out stays as it was. */
export interface Question {
  readonly open?: { readonly name: string; readonly source: Source };
  readonly text?: string;
  /** Whether special tokens in the text are read as tokens, or as the text that they are. */
  readonly readSpecial: boolean;
  /** Which tokens: those around a place in the text, in UTF-16 units, or those from a token on. */
  readonly at: { readonly caret: number } | { readonly first: number };
}

/** Some of a text's tokens. */
export interface TokenWindow {
  /** Of the whole text. */
  readonly count: number;
  /** The number of the first of them in the text. */
  readonly first: number;
  readonly ids: Uint32Array;
  /** Their bytes, one after the other, and where those of each end. */
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** 1 for each that is a special token. */
  readonly special: Uint8Array;
}

export type Answer =
  | { readonly kind: 'shown'; readonly window: TokenWindow }
  /** In a sentence. */
  | { readonly kind: 'failed'; readonly sentence: string };
