/** Ids to text, one after the other: bytes that begin a character and do not end it are held back until they do. */
import type { Tokenizer } from './tokenizer.ts';

export class StreamingDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** What a token adds to the text: nothing, where it ends within a character. @throws RangeError where the id is no token's */
  push(id: number): string {
    return this.#decoder.decode(this.#tokenizer.bytesOf(id), { stream: true });
  }

  /** What is held back, as U+FFFD. The next token begins anew. */
  end(): string {
    return this.#decoder.decode();
  }
}
