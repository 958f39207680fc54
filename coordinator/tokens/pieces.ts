/** A token's bytes as a person can read them: nothing of them is invisible, and nothing moves what stands beside it. */
import { toText } from '../../core/tokenizer/utf8.ts';

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** Dots, one for each blank. */
  | { readonly kind: 'blanks'; readonly text: string }
  | { readonly kind: 'tab' }
  | { readonly kind: 'lineEnd' }
  /** A character that cannot be seen, by its number. */
  | { readonly kind: 'point'; readonly text: string }
  /** What is no whole character, in hex. */
  | { readonly kind: 'bytes'; readonly text: string };

/** White space, controls, what browsers do not draw, what has no glyph anywhere: all but the blank, the tab and the line feed. */
const unseen = /[\p{White_Space}\p{C}\p{Default_Ignorable_Code_Point}]/u;
const isMark = /\p{M}/u;

export const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');

/** @param bytes of one token, cut perhaps in the middle of a character */
export function piecesOf(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  const add = (kind: 'text' | 'blanks' | 'bytes', text: string, between = '') => {
    const last = pieces.at(-1);
    if (last?.kind === kind) pieces[pieces.length - 1] = { kind, text: last.text + between + text };
    else pieces.push({ kind, text });
  };
  for (let at = 0; at < bytes.length; ) {
    const length = characterAt(bytes, at);
    if (length === 0) add('bytes', hex(bytes[at] ?? 0), ' ');
    else {
      const character = toText(bytes.subarray(at, at + length));
      if (character === ' ') add('blanks', '·');
      else if (character === '\t') pieces.push({ kind: 'tab' });
      else if (character === '\n') pieces.push({ kind: 'lineEnd' });
      else if (unseen.test(character)) pieces.push({ kind: 'point', text: point(character) });
      // By itself, an accent would stand on what is before the token.
      else add('text', pieces.length === 0 && isMark.test(character) ? `◌${character}` : character);
    }
    at += Math.max(1, length);
  }
  return pieces;
}

const point = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** The bytes of the whole character that begins at a place; 0 if none does. */
function characterAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  // The decoder knows what else is ill-formed; one character comes out of what is not.
  const [character = '', ...more] = toText(bytes.subarray(at, at + length));
  const isReplacement = character === '\ufffd' && !(lead === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd);
  return more.length > 0 || isReplacement ? 0 : length;
}
