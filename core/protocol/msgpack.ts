/**
 * Whether bytes are one value of plain msgpack: null, booleans, numbers, strings, arrays and maps, nested a few levels.
 *
 * Looked at before a header from a stranger is unpacked. msgpackr also understands extensions (references, records that
 * it compiles, regular expressions, errors), with which a few hundred bytes can describe a value that takes minutes to
 * walk. A header needs none of them.
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
  const value = (depth: number): boolean => {
    const token = bytes[at++];
    if (token === undefined) return false;
    if (token < 0x80 || token >= 0xe0) return true; // small integers
    if (token < 0x90) return values((token - 0x80) * 2, depth + 1);
    if (token < 0xa0) return values(token - 0x90, depth + 1);
    if (token < 0xc0) return skip(token - 0xa0);
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
        return skip(length(1));
      case 0xda:
        return skip(length(2));
      case 0xdb:
        return skip(length(4));
      case 0xdc: // arrays
        return values(length(2), depth + 1);
      case 0xdd:
        return values(length(4), depth + 1);
      case 0xde: // maps
        return values(length(2) * 2, depth + 1);
      case 0xdf:
        return values(length(4) * 2, depth + 1);
      default: // binary, extensions, and what msgpack does not define
        return false;
    }
  };
  return value(0) && at === bytes.length;
}
