/**
 * Whether bytes are one value of plain msgpack: null, booleans, numbers, strings, arrays and maps, nested a few levels, keys
 * being strings that do not begin with a digit.
 *
 * Looked at before a header from a stranger is unpacked. msgpackr also understands extensions (references, records that
 * it compiles, regular expressions, errors), with which a few hundred bytes can describe a value that takes minutes to
 * walk. A header needs none of them. Nor does it need keys that are numbers: V8 takes `{ "1023": null }` for an array of
 * 1,550 places, and 18,000 of those in one header for 220 MB.
 */

/** A header is an envelope, a message, its fields, and a model's sizes: some way below this. */
const MAX_DEPTH = 8;

/** Reads every byte once and keeps nothing; never throws. */
export function isPlainMsgpack(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;

  /** An unsigned length of `size` bytes at `at`; −1 where the bytes end first. */
  const length = (size: 1 | 2 | 4): number => {
    const from = at;
    at += size;
    if (at > bytes.length) return -1;
    return size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from) : view.getUint32(from);
  };
  const skip = (n: number): boolean => {
    at += n;
    return n >= 0 && at <= bytes.length;
  };
  /** Each value takes a byte at least, so a length that the bytes cannot hold ends this soon. */
  const values = (n: number, depth: number): boolean => {
    if (n < 0 || depth > MAX_DEPTH) return false;
    for (let i = 0; i < n; i++) if (!value(depth)) return false;
    return true;
  };
  /** The length of the string that this token begins; −1 if it begins none, or where the bytes end first. */
  const text = (token: number | undefined): number => {
    if (token !== undefined && token >= 0xa0 && token < 0xc0) return token - 0xa0;
    return token === 0xd9 ? length(1) : token === 0xda ? length(2) : token === 0xdb ? length(4) : -1;
  };
  const key = (): boolean => {
    const n = text(bytes[at++]);
    const first = bytes[at];
    return skip(n) && !(n > 0 && first >= 0x30 && first <= 0x39);
  };
  const pairs = (n: number, depth: number): boolean => {
    if (n < 0 || depth > MAX_DEPTH) return false;
    for (let i = 0; i < n; i++) if (!key() || !value(depth)) return false;
    return true;
  };
  const value = (depth: number): boolean => {
    const token = bytes[at++];
    if (token === undefined) return false;
    if (token < 0x80 || token >= 0xe0) return true; // small integers
    if (token < 0x90) return pairs(token - 0x80, depth + 1);
    if (token < 0xa0) return values(token - 0x90, depth + 1);
    if (token < 0xc0) return skip(text(token));
    switch (token) {
      case 0xc0: // null, false, true
      case 0xc2:
      case 0xc3:
        return true;
      case 0xcc: // integers and floats
      case 0xd0:
        return skip(1);
      case 0xcd:
      case 0xd1:
        return skip(2);
      case 0xca:
      case 0xce:
      case 0xd2:
        return skip(4);
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return skip(8);
      case 0xd9: // strings
      case 0xda:
      case 0xdb:
        return skip(text(token));
      case 0xdc: // arrays
        return values(length(2), depth + 1);
      case 0xdd:
        return values(length(4), depth + 1);
      case 0xde: // maps
        return pairs(length(2), depth + 1);
      case 0xdf:
        return pairs(length(4), depth + 1);
      default: // binary, extensions, and what msgpack does not define
        return false;
    }
  };
  return value(0) && at === bytes.length;
}
