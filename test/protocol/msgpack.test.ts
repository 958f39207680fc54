/** The look at a header before it is unpacked: passes all plain values, whole, and nothing else. */
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { expect, test } from 'vitest';
import { isPlainMsgpack } from '../../core/protocol/msgpack.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });
const values = fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' });

test('every plain value passes; with a byte more, or any number of bytes fewer, it does not', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 255 }), (value, more) => {
      const packed = Uint8Array.from(packr.pack(value));
      expect(isPlainMsgpack(packed)).toBe(true);
      expect(isPlainMsgpack(Uint8Array.of(...packed, more))).toBe(false);
      for (let length = 0; length < packed.length; length++)
        expect(isPlainMsgpack(packed.subarray(0, length))).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('long strings, arrays and maps pass, in each of their encodings', () => {
  for (const n of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
    expect(isPlainMsgpack(packr.pack('x'.repeat(n)))).toBe(true);
    expect(isPlainMsgpack(packr.pack(new Array(n).fill(1.5)))).toBe(true);
    expect(isPlainMsgpack(packr.pack(Object.fromEntries(Array.from({ length: n }, (_, i) => [`${i}`, -i]))))).toBe(
      true,
    );
  }
});

test('dates, binary, undefined and records do not', () => {
  for (const value of [new Date(0), Buffer.from('x'), undefined])
    expect(isPlainMsgpack(packr.pack([value]))).toBe(false);
  expect(isPlainMsgpack(new Packr({ useRecords: true }).pack({ a: 1 }))).toBe(false);
});

test('what passes is understood by the unpacker or refused, never more', () => {
  let passed = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
      if (!isPlainMsgpack(bytes)) return;
      passed++;
      // A map whose key is an array is plain, and the unpacker says no to it.
      try {
        unpackr.unpack(bytes);
      } catch (error) {
        expect(String(error)).toMatch('Invalid property type');
      }
    }),
    { numRuns: 5000 },
  );
  expect(passed).toBeGreaterThan(100);
});
