/**
 * Documents cut into pieces that are encoded each by itself, to the same ids as the whole: short ones are one piece, and a long one
 * is never in memory whole. The same input is always cut alike.
 */
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { DocumentPart } from './documents.ts';

export interface Piece {
  readonly text: string;
  /** Whether a document begins with it. */
  readonly begins: boolean;
}

/** A document of more UTF-16 units is cut. */
const PIECE_UNITS = 1 << 20;

/** Documents without any text are left out. */
export async function* piecesOf(parts: AsyncIterable<DocumentPart>, tokenizer: Tokenizer): AsyncGenerator<Piece> {
  let held = '';
  let begins = true;
  let enough = PIECE_UNITS;
  for await (const { text, isLast } of parts) {
    held += text;
    if (isLast) {
      if (held !== '') yield { text: held, begins };
      [held, begins, enough] = ['', true, PIECE_UNITS];
    } else if (held.length >= enough) {
      const end = tokenizer.safeEnd(held, 'none');
      if (end > 0) {
        yield { text: held.slice(0, end), begins };
        held = held.slice(end);
        begins = false;
      }
      // Where nothing is sure yet, twice as much is waited for: looking again and again would take the square of its length.
      enough = Math.max(PIECE_UNITS, 2 * held.length);
    }
  }
}
