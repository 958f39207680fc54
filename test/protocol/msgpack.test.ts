/** The look at a header before it is unpacked: passes all plain values, whole, and nothing else. */
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { expect, test } from 'vitest';
import { isPlainMsgpack } from '../../core/protocol/msgpack.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });
const string = fc.string({ unit: 'grapheme' });
const { values } = fc.letrec((tie) => ({
  values: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(null, true, false),
    fc.double(),
    fc.integer(),
    string,
    fc.array(tie('values')),
    fc.dictionary(
      string.filter((key) => !/^\d/.test(key)),
      tie('values'),
    ),
  ),
}));

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
    expect(isPlainMsgpack(packr.pack(Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, -i]))))).toBe(
      true,
    );
  }
});

test('dates, binary, undefined and records do not', () => {
  for (const value of [new Date(0), Buffer.from('x'), undefined])
    expect(isPlainMsgpack(packr.pack([value]))).toBe(false);
  expect(isPlainMsgpack(new Packr({ useRecords: true }).pack({ a: 1 }))).toBe(false);
});

test('keys that V8 takes for places of an array do not, nor do keys that are no strings', () => {
  for (const key of ['0', '1023', '4294967294', '9'.repeat(40), '0'.repeat(300), '1x'])
    expect(isPlainMsgpack(packr.pack([{ [key]: null }]))).toBe(false);
  for (const key of ['', '-1', 'x1', ' 1', '٣', 'x'.repeat(70_000)])
    expect(isPlainMsgpack(packr.pack([{ [key]: null }]))).toBe(true);
  for (const key of [
    [0x01],
    [0xc0],
    [0xc3],
    [0x90],
    [0x80],
    [0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
    [0xc4, 1, 97],
    [0xd9],
    [0xff],
  ])
    expect(isPlainMsgpack(Uint8Array.of(0x81, ...key, 0xc0))).toBe(false);
});

test('what passes is understood by the unpacker', () => {
  let passed = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
      if (!isPlainMsgpack(bytes)) return;
      passed++;
      unpackr.unpack(bytes);
    }),
    { numRuns: 5000 },
  );
  expect(passed).toBeGreaterThan(100);
});
