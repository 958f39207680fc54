import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  decodeSafetensors,
  encodeSafetensors,
  MAX_HEADER_BYTES,
  type NamedTensor,
  type TensorData,
} from '../../core/checkpoint/safetensors.ts';
import { UserError } from '../../core/errors.ts';

const arrays = [
  Float64Array,
  Float32Array,
  BigInt64Array,
  BigUint64Array,
  Int32Array,
  Uint32Array,
  Int16Array,
  Uint16Array,
  Int8Array,
  Uint8Array,
];

/** Any tensor: the data are random bits, not-a-numbers included. */
const tensor: fc.Arbitrary<NamedTensor> = fc
  .record({
    name: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '1', 'constructor', 'a.b')),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    kind: fc.constantFrom(...arrays),
  })
  .chain(({ name, shape, kind }) => {
    const length = shape.reduce((a, b) => a * b, 1) * kind.BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ name, shape, data: new kind(bytes.slice().buffer) }));
  });
const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 });
const metadata = fc.dictionary(fc.string(), fc.string());

const byName = <T extends { name: string }>(list: readonly T[]) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
const plain = ({ name, shape, data }: NamedTensor) => ({
  name,
  shape,
  kind: data.constructor.name,
  bytes: [...bytesOf(data)],
});

/** A file with a header of one's own making. */
function withHeader(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}
const entry = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});
const two: NamedTensor[] = [
  { name: 'b', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  { name: 'a', shape: [3], data: Uint16Array.of(7, 8, 9) },
];

test('tensors and metadata survive encoding and decoding', () => {
  fc.assert(
    fc.property(tensors, metadata, (given, meta) => {
      const decoded = decodeSafetensors(encodeSafetensors(given, meta));
      expect(byName(decoded.tensors).map(plain)).toEqual(byName(given).map(plain));
      expect(Object.entries(decoded.metadata).toSorted()).toEqual(Object.entries(meta).toSorted());
    }),
  );
});

test('the layout is that of the format: length, padded JSON, contiguous bytes in the order given', () => {
  const file = encodeSafetensors(two, { step: '5' });
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  expect(length % 8).toBe(0);
  const text = new TextDecoder().decode(file.subarray(8, 8 + length));
  expect(text).toMatch(/^\{.*\} *$/);
  expect(JSON.parse(text)).toEqual({
    __metadata__: { step: '5' },
    b: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
    a: { dtype: 'U16', shape: [3], data_offsets: [16, 22] },
  });
  expect([...file.subarray(8 + length)]).toEqual([
    ...Buffer.from('0000803f000000400000404000008040070008000900', 'hex'),
  ]);
  expect(decodeSafetensors(file).tensors.map(({ name }) => name)).toEqual(['b', 'a']);
});

test('a file written by PyTorch and plain Python is read', () => {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL('../fixtures/optim.safetensors', import.meta.url)),
  );
  expect(metadata.steps).toBe('20');
  expect(tensors.slice(0, 2).map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ['init', 'F32', [37]],
    ['grads', 'F32', [20, 37]],
  ]);
});

test('what is no tensor is not encoded', () => {
  const data = Float32Array.of(1, 2);
  expect(() => encodeSafetensors([{ name: 'a', shape: [3], data }])).toThrow('2 elements, which is not its shape [3]');
  const a: NamedTensor<TensorData> = { name: 'a', shape: [2], data };
  expect(() => encodeSafetensors([a, a])).toThrow('repeated');
  expect(() => encodeSafetensors([{ ...a, name: '__metadata__' }])).toThrow('reserved');
});

describe('refusals', () => {
  test('every truncation, saying how many bytes are missing', () => {
    const file = encodeSafetensors(two, { step: '5' });
    const dataStart = file.length - 22;
    for (let length = 0; length < file.length; length++) {
      const missing = (length < 8 ? 8 : length < dataStart ? dataStart : file.length) - length;
      const decode = () => decodeSafetensors(file.subarray(0, length), 'x.safetensors');
      expect(decode).toThrow(UserError);
      expect(decode).toThrow(new RegExp(`^x\\.safetensors is cut short: .*\\b${missing}\\b`));
    }
  });

  test('bytes after the end', () => {
    const file = encodeSafetensors(two);
    expect(() => decodeSafetensors(Buffer.concat([file, Buffer.of(0)]))).toThrow('1 bytes more than its header says');
  });

  test('a header larger than the format allows', () => {
    const file = new Uint8Array(16);
    new DataView(file.buffer).setBigUint64(0, BigInt(MAX_HEADER_BYTES + 1), true);
    expect(() => decodeSafetensors(file)).toThrow(/announce a header of 100000001 bytes/);
    file.fill(0xff);
    expect(() => decodeSafetensors(file)).toThrow(/is not a safetensors file/);
  });

  test.each<[string, unknown, number]>([
    ['not JSON', '{"a"', 0],
    ['not JSON', '\xff', 0],
    ['not a JSON object', '[]', 0],
    ['not a JSON object', ' {}', 0],
    ['not a JSON object', 'null', 0],
    ['not a map of strings', { __metadata__: { step: 5 } }, 0],
    ['not a map of strings', { __metadata__: [] }, 0],
    ['entry for "a" is malformed', { a: { ...entry(0, 4), dtype: 'F31' } }, 4],
    ['entry for "a" is malformed', { a: { ...entry(0, 4), shape: [-1] } }, 4],
    ['entry for "a" is malformed', { a: { ...entry(0, 4), data_offsets: [0] } }, 4],
    ['entry for "a" is malformed', { a: { ...entry(0, 4), data_offsets: [0, 4.5] } }, 4],
    ['entry for "a" is malformed', { a: null }, 4],
    ['entry for "a" is malformed', { a: entry(0, 4, new Array(65).fill(1)) }, 4],
    ['are not as many as its shape [3] needs', { a: entry(0, 8, [3]) }, 8],
    ['are not as many as its shape [0] needs', { a: entry(4, 0, [0]) }, 8],
    ['are not as many as its shape', { a: entry(0, 4, [2 ** 50, 2 ** 50, 2 ** 50]) }, 8],
    ['"b" overlaps another tensor', { a: entry(0, 8), b: entry(4, 12) }, 12],
    ['there is a gap before "b"', { a: entry(0, 4), b: entry(8, 12) }, 12],
    ['there is a gap before "a"', { a: entry(4, 8) }, 8],
    ['is cut short: 4 of its 12 data bytes are missing', { a: entry(0, 12) }, 8],
  ])('%s', (message, header, dataBytes) => {
    expect(() => decodeSafetensors(withHeader(header, dataBytes))).toThrow(message);
    expect(() => decodeSafetensors(withHeader(header, dataBytes))).toThrow(UserError);
  });

  test('a sentence, however long the names and shapes are', () => {
    const name = 'x'.repeat(10_000);
    const decode = (header: unknown, bytes: number) => () => decodeSafetensors(withHeader(header, bytes));
    expect(decode({ [name]: null }, 4)).toThrow(/entry for "x{99}\.\.\. is malformed/);
    expect(decode({ [name]: entry(4, 8) }, 8)).toThrow(/gap before "x{99}\.\.\.\)/);
    expect(decode({ a: entry(0, 4, new Array(64).fill(2 ** 40)) }, 4)).toThrow(
      /its shape \[1099511627776, .{85}\.\.\.\] needs/,
    );
    expect(decodeSafetensors(withHeader({ [name]: entry(0, 4, new Array(64).fill(1)) }, 4)).tensors.length).toBe(1);
  });

  test('a shape of wrong numbers by the million is refused at once', () => {
    const file = withHeader({ a: { ...entry(0, 4), shape: new Array(2_000_000).fill(-1) } }, 4);
    const before = process.memoryUsage().heapUsed;
    expect(() => decodeSafetensors(file)).toThrow('entry for "a" is malformed');
    // The JSON's values; what zod could note of each is a hundred times as much.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 ** 2);
  });

  test('random bytes never do worse than a UserError', () => {
    const one = (bytes: Uint8Array) => {
      try {
        decodeSafetensors(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    };
    fc.assert(fc.property(fc.uint8Array(), one));
    fc.assert(fc.property(fc.json(), fc.nat(16), (json, bytes) => one(withHeader(json, bytes))));
  });
});
