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

/** The text of bytes that come bit by bit. What is no UTF-8 becomes U+FFFD; a byte-order mark stays. */
export async function* textOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for await (const some of bytes) yield decoder.decode(some, { stream: true });
  yield decoder.decode();
}

/**
 * Pieces of the text, each of which can be encoded by itself.
 * @throws UserError on a special token that is not allowed, or where so much of the text hangs together that it cannot be held
 */
export async function* safePieces(
  tokenizer: Tokenizer,
  text: AsyncIterable<string>,
  allowedSpecial: AllowedSpecial,
): AsyncGenerator<string> {
  let waiting = '';
  let enough = PIECE;
  for await (const some of text) {
    waiting += some;
    if (waiting.length < enough) continue;
    const end = tokenizer.safeEnd(waiting, allowedSpecial);
    if (end > 0) yield waiting.slice(0, end);
    waiting = waiting.slice(end);
    if (waiting.length > MOST)
      throw new UserError(
        `more than ${MOST / 2 ** 20} million characters hang together for this tokenizer, and cannot be encoded piece by piece: cut the text into several.`,
      );
    // Where little is sure, such as in endless white space, it is looked rarely: the work stays in proportion to the text.
    enough = Math.max(PIECE, 2 * waiting.length);
  }
  if (waiting.length > 0) yield waiting;
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
