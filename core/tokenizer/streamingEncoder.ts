/**
 * Encodes a text that comes bit by bit and may be larger than memory: what is sure whatever follows is let go, the rest waits. The
 * ids of the pieces, one after the other, are those of the whole text.
 */
import { UserError } from '../errors.ts';
import type { AllowedSpecial, Tokenizer } from './tokenizer.ts';

/** What waits, in UTF-16 units, before it is looked how much of it is sure. */
const PIECE = 2 ** 18;
/** More cannot wait: a string has an end. */
const MOST = 2 ** 28;

/** A text that comes bit by bit, let go in pieces each of which can be encoded by itself. */
export class SafePieces {
  readonly #tokenizer: Tokenizer;
  readonly #allowedSpecial: AllowedSpecial;
  readonly #least: number;
  #waiting = '';
  #enough: number;

  /** @param least what waits, in UTF-16 units, before it is looked how much of it is sure */
  constructor(tokenizer: Tokenizer, allowedSpecial: AllowedSpecial, least = PIECE) {
    this.#tokenizer = tokenizer;
    this.#allowedSpecial = allowedSpecial;
    this.#least = this.#enough = least;
  }

  /**
   * More of the text.
   * @returns the next piece; nothing where too little waits, or nothing is sure
   * @throws UserError on a special token that is not allowed, or where so much of the text hangs together that it cannot be held
   */
  push(text: string): string {
    this.#waiting += text;
    if (this.#waiting.length < this.#enough) return '';
    const end = this.#tokenizer.safeEnd(this.#waiting, this.#allowedSpecial);
    const piece = this.#waiting.slice(0, end);
    this.#waiting = this.#waiting.slice(end);
    if (this.#waiting.length > MOST)
      throw new UserError(
        `more than ${MOST / 2 ** 20} million characters hang together for this tokenizer, and cannot be encoded piece by piece: cut the text into several.`,
      );
    // Where little is sure, such as in endless white space, it is looked rarely: the work stays in proportion to the text.
    this.#enough = Math.max(this.#least, 2 * this.#waiting.length);
    return piece;
  }

  /** The last piece, perhaps nothing: the text has ended. Another begins. */
  end(): string {
    const piece = this.#waiting;
    this.#waiting = '';
    this.#enough = this.#least;
    return piece;
  }
}

/** The text of bytes that come bit by bit. What is no UTF-8 becomes U+FFFD; a byte-order mark stays. */
export async function* textOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for await (const some of bytes) yield decoder.decode(some, { stream: true });
  yield decoder.decode();
}

/** Pieces of the text, each of which can be encoded by itself. @throws UserError as `SafePieces` */
export async function* safePieces(
  tokenizer: Tokenizer,
  text: AsyncIterable<string>,
  allowedSpecial: AllowedSpecial,
): AsyncGenerator<string> {
  const pieces = new SafePieces(tokenizer, allowedSpecial);
  for await (const some of text) {
    const piece = pieces.push(some);
    if (piece !== '') yield piece;
  }
  const rest = pieces.end();
  if (rest !== '') yield rest;
}

/** The lines of a text that comes bit by bit, without the line feeds (or carriage returns and line feeds) that end them. */
export async function* linesIn(text: AsyncIterable<string>): AsyncGenerator<string> {
  let waiting = '';
  for await (const some of text) {
    const lines = some.split('\n');
    lines[0] = waiting + (lines[0] ?? '');
    waiting = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (waiting !== '') yield waiting;
}
