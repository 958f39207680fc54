/**
 * Documents cut into pieces that are encoded each by itself, to the same ids as the whole: short ones are one piece, and a long one
 * is never in memory whole. The same input is always cut alike.
 */
import { SafePieces } from '../../tokenizer/streamingEncoder.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { DocumentPart } from './documents.ts';

export interface Piece {
  readonly text: string;
  /** Whether a document begins with it. */
  readonly begins: boolean;
}

/** A document of more UTF-16 units is cut. */
const PIECE_UNITS = 1 << 20;

/** Documents without any text are left out. @throws UserError where so much of one hangs together that it cannot be held */
export async function* piecesOf(parts: AsyncIterable<DocumentPart>, tokenizer: Tokenizer): AsyncGenerator<Piece> {
  const pieces = new SafePieces(tokenizer, 'none', PIECE_UNITS);
  let begins = true;
  for await (const { text, isLast } of parts) {
    for (const piece of [pieces.push(text), isLast ? pieces.end() : '']) {
      if (piece === '') continue;
      yield { text: piece, begins };
      begins = false;
    }
    if (isLast) begins = true;
  }
}
