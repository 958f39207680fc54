/**
 * What kind of character a code point is, for the patterns that cut texts: letter, number, white space or other.
 *
 * White space is Unicode's White_Space, as in Python's `regex` and in Rust. JavaScript's `\s` is another set: it lacks U+0085 and has
 * U+FEFF. Letters and numbers are this engine's `\p{L}` and `\p{N}`: of characters younger than its version of Unicode, engines differ.
 */

export const OTHER = 0;
export const LETTER = 1;
export const NUMBER = 2;
export const SPACE = 3;

function classify(point: number): number {
  const character = String.fromCodePoint(point);
  if (/\p{White_Space}/u.test(character)) return SPACE;
  if (/\p{L}/u.test(character)) return LETTER;
  return /\p{N}/u.test(character) ? NUMBER : OTHER;
}

/** By 256 code points: a page is made when one of its characters is first met. */
const pages: (Uint8Array | undefined)[] = new Array(0x1100).fill(undefined);
const makePage = (page: number): Uint8Array => {
  const made = Uint8Array.from({ length: 256 }, (_, low) => classify(page * 256 + low));
  pages[page] = made;
  return made;
};
const latin = makePage(0);

/** The class of the code point that begins at a UTF-16 unit. */
export function classAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 256) return latin[unit] ?? OTHER;
  const point = unit >= 0xd800 && unit < 0xdc00 ? (text.codePointAt(at) ?? unit) : unit;
  return (pages[point >> 8] ?? makePage(point >> 8))[point & 255] ?? OTHER;
}

/** The UTF-16 units of the code point that begins at `at`: 2 of a pair of surrogates. */
export function widthAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit >= 0xdc00) return 1;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low < 0xe000 ? 2 : 1;
}

/** Where a run of a class that begins at `at`, perhaps empty, ends. */
export function runEnd(text: string, at: number, kind: number): number {
  let end = at;
  while (end < text.length) {
    const unit = text.charCodeAt(end);
    if (unit < 256) {
      if (latin[unit] !== kind) break;
      end++;
    } else {
      if (classAt(text, end) !== kind) break;
      end += widthAt(text, end);
    }
  }
  return end;
}
