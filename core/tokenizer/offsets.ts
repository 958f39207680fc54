/** Which part of a text each of its tokens stands for: in bytes of its UTF-8, and in UTF-16 units, which is what a page cuts by. */
import type { AllowedSpecial, Offsets, Tokenizer } from './tokenizer.ts';

/**
 * The ids of a text, and the bytes that each stands for. The parts follow each other without a gap; what a tokenizer drops of a text
 * belongs to a token beside it, and what it adds is an empty part. A lone surrogate is the three bytes of U+FFFD.
 * @throws UserError as `encode`
 */
export function encodeWithOffsets(tokenizer: Tokenizer, text: string, allowedSpecial?: AllowedSpecial): Offsets {
  if (tokenizer.encodeWithOffsets !== undefined) return tokenizer.encodeWithOffsets(text, allowedSpecial);
  const ids = tokenizer.encode(text, allowedSpecial);
  const bounds = new Uint32Array(ids.length + 1);
  let at = 0;
  for (const [i, id] of ids.entries()) {
    at += tokenizer.bytesOf(id).length;
    bounds[i + 1] = at;
  }
  return { ids, bounds };
}

/**
 * Bounds in bytes as bounds in UTF-16 units: token i is `text.slice(units[i], units[i + 1])`. A character whose bytes are in several
 * tokens is the last one's, the one that completes it, whole; the others have nothing of it, perhaps nothing at all.
 * @param bounds ascending, as `encodeWithOffsets` gives them for this text
 */
export function toUnits(text: string, bounds: Uint32Array): Uint32Array<ArrayBuffer> {
  const units = new Uint32Array(bounds.length);
  let [unit, byte] = [0, 0];
  for (const [i, bound] of bounds.entries()) {
    while (unit < text.length) {
      const [width, size] = widthAndSize(text, unit);
      if (byte + size > bound) break;
      unit += width;
      byte += size;
    }
    units[i] = unit;
  }
  return units;
}

/** The units and the UTF-8 bytes of the character that begins at a unit. */
export function widthAndSize(text: string, unit: number): readonly [units: number, bytes: number] {
  const point = text.codePointAt(unit) ?? 0;
  if (point < 0x80) return [1, 1];
  if (point < 0x800) return [1, 2];
  return point < 0x10000 ? [1, 3] : [2, 4];
}
