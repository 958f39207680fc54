/**
 * Protocol Buffers' wire format, as much as reading a message needs: fields, each a number and a value. What the values mean is the
 * reader's business; groups, long deprecated, are refused.
 *
 * Source: protobuf.dev, "Encoding".
 */
import { UserError } from '../../errors.ts';

/** A field's value: a varint (its low 53 bits hold whatever is asked of it here), four or eight bytes, or bytes of a given length. */
export type Value =
  | { readonly wire: 'varint'; readonly number: number }
  | { readonly wire: 'fixed'; readonly bytes: Uint8Array }
  | { readonly wire: 'bytes'; readonly bytes: Uint8Array };

export interface Field {
  readonly number: number;
  readonly value: Value;
}

/** The fields of a message in their order. Each step consumes a byte or more, so it ends. @throws UserError where it is damaged */
export function* fieldsOf(message: Uint8Array, from: string): Generator<Field> {
  let at = 0;
  const wrong = (): UserError => new UserError(`${from} is damaged: it ends, or changes its kind, in the middle.`);
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = message[at++];
      if (byte === undefined) throw wrong();
      // Bits above the 53rd are those of a negative number, which nothing that is read here may be.
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw wrong();
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw wrong();
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    if (number === 0) throw wrong();
    switch (key % 8) {
      case 0:
        yield { number, value: { wire: 'varint', number: varint() } };
        break;
      case 1:
        yield { number, value: { wire: 'fixed', bytes: take(8) } };
        break;
      case 2:
        yield { number, value: { wire: 'bytes', bytes: take(varint()) } };
        break;
      case 5:
        yield { number, value: { wire: 'fixed', bytes: take(4) } };
        break;
      default:
        throw wrong();
    }
  }
}
