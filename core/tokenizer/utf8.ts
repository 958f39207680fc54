/** UTF-8 as tokenizers need it: a byte-order mark is a character like any other, and what is invalid becomes U+FFFD. */

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** The bytes of a text, a lone surrogate as those of U+FFFD. */
export const toBytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** The text of some bytes, each ill-formed sequence as one U+FFFD (as Python's `errors="replace"` and the WHATWG have it). */
export const toText = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Byte strings one after the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Writes the UTF-8 of the UTF-16 units [from, to) of a text. Three bytes a unit are always room enough.
 * @returns the bytes written
 */
export function writeUtf8(text: string, from: number, to: number, into: Uint8Array): number {
  let at = 0;
  for (let i = from; i < to; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      into[at++] = code;
      continue;
    }
    if (code < 0x800) {
      into[at++] = 0xc0 | (code >> 6);
      into[at++] = 0x80 | (code & 63);
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const low = i + 1 < to ? text.charCodeAt(i + 1) : 0;
      if (code < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        const point = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        into[at++] = 0xf0 | (point >> 18);
        into[at++] = 0x80 | ((point >> 12) & 63);
        into[at++] = 0x80 | ((point >> 6) & 63);
        into[at++] = 0x80 | (point & 63);
        i++;
        continue;
      }
      code = 0xfffd;
    }
    into[at++] = 0xe0 | (code >> 12);
    into[at++] = 0x80 | ((code >> 6) & 63);
    into[at++] = 0x80 | (code & 63);
  }
  return at;
}
