/**
 * Decodes ids one by one, as they are sampled, and gives text as soon as it is sure: a character whose bytes are in several tokens
 * comes with the last of them. All pieces and what `end` gives, put together, are `decode` of all ids.
 */
import type { Tokenizer } from './tokenizer.ts';

export class StreamingDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #text = new TextDecoder('utf-8', { ignoreBOM: true });
  #bytesOf: (id: number) => Uint8Array;

  /** @param before ids that the first one follows, a prompt's say: their text is not given, but what follows is as it is after them */
  constructor(tokenizer: Tokenizer, before: Iterable<number> = []) {
    this.#tokenizer = tokenizer;
    this.#bytesOf = inTurn(tokenizer);
    for (const id of before) this.push(id);
  }

  /** The text that this id makes sure, often all of its own; nothing where it ends inside a character. @throws RangeError where it is no token's */
  push(id: number): string {
    return this.#text.decode(this.#bytesOf(id), { stream: true });
  }

  /** What was held back: an incomplete character is U+FFFD. The next id begins a new text. */
  end(): string {
    this.#bytesOf = inTurn(this.#tokenizer);
    return this.#text.decode();
  }
}

/** Gives the bytes of each id of a sequence in turn. */
const inTurn = (tokenizer: Tokenizer): ((id: number) => Uint8Array) =>
  tokenizer.bytesInTurn?.() ?? ((id) => tokenizer.bytesOf(id));
