/** Which bytes of the original each piece is from, of a text that was normalised before it was cut into pieces. */
import { widthAndSize } from '../offsets.ts';
import type { Normalized } from './normalizer.ts';

/** A part of a text: a special token, which is one id, or what lies between, with the UTF-16 units that each of its ids has of the normalised. */
export type Part =
  | { readonly isSpecial: true; readonly original: string }
  | {
      readonly isSpecial: false;
      readonly original: string;
      readonly normalized: Normalized;
      readonly lengths: readonly number[];
    };

/**
 * The bounds of all parts' ids, in bytes of the originals put together. A piece begins where the character does from which its first one
 * is made; a byte piece, where its byte is, if the character is the original's. So of several pieces made of one character the last has
 * it whole. What was dropped belongs to the piece before it, at the beginning to the first.
 */
export function boundsOf(parts: readonly Part[], ids: number): Uint32Array<ArrayBuffer> {
  const bounds = new Uint32Array(ids + 1);
  let [i, begin] = [0, 0];
  const add = (bound: number) => {
    // The first piece begins where the text does, and none before another.
    bounds[i] = i === 0 ? 0 : Math.max(bound, bounds[i - 1] ?? 0);
    i++;
  };
  for (const part of parts) {
    if (part.isSpecial) add(begin);
    else {
      const { text, origins } = part.normalized;
      const byteAt = byteCounter(part.original);
      // The unit of the normalised text that the next piece begins with, and how many byte pieces of its character are before it.
      let [at, bytes] = [0, 0];
      for (const length of part.lengths) {
        const origin = origins[at] ?? part.original.length;
        const isOriginal = text.codePointAt(at) === part.original.codePointAt(origin);
        add(begin + byteAt(origin) + (isOriginal ? bytes : 0));
        at += length;
        bytes = length === 0 ? bytes + 1 : 0;
      }
    }
    begin += byteLength(part.original);
  }
  if (ids > 0) bounds[ids] = begin;
  return bounds;
}

/** Counts the bytes before a unit; the units must ascend. */
function byteCounter(text: string): (unit: number) => number {
  let [unit, byte] = [0, 0];
  return (until) => {
    while (unit < until) {
      const [width, size] = widthAndSize(text, unit);
      unit += width;
      byte += size;
    }
    return byte;
  };
}

const byteLength = (text: string): number => byteCounter(text)(text.length);
