/** Trees written as msgpack, in any of its encodings, and what a msgpack reader might stumble over. */
import type { Draws } from './draws.ts';
import { Sink } from './sink.ts';
import { EDGE_NUMBERS, Entries, type Format, Raw, Run, TEXT_LENGTHS, type Value } from './values.ts';

const encoder = new TextEncoder();
/** More than any frame may have: what mutations make longer is cut there. */
const MAX_BYTES = 300_000;
const HUGE = [0xff, 0xff, 0xff, 0xff];
const raw = (...bytes: number[]): Raw => new Raw(Uint8Array.from(bytes));

const sink = new Sink();

/** A tree as msgpack. Now and then some of its encodings are wider than need be, as is allowed. */
export function writeMsgpack(value: Value, draws: Draws): Uint8Array {
  sink.length = 0;
  write(value, draws.oneIn(8) ? draws : null);
  return sink.finish();
}

/** @param draws which encodings to take; null takes the shortest */
function write(value: Value, draws: Draws | null): void {
  if (sink.length > MAX_BYTES) return;
  if (value === null) sink.byte(0xc0);
  else if (typeof value === 'boolean') sink.byte(value ? 0xc3 : 0xc2);
  else if (typeof value === 'number') writeNumber(value, draws);
  else if (typeof value === 'string') {
    const bytes = utf8(value);
    writeCount(bytes.length, { fix: 0xa0, below: 32, 8: 0xd9, 16: 0xda, 32: 0xdb }, draws);
    sink.put(bytes);
  } else if (Array.isArray(value)) {
    writeCount(value.length, ARRAY, draws);
    for (const item of value) write(item, draws);
  } else if (value instanceof Entries) {
    writeCount(value.pairs.length, MAP, draws);
    for (const [key, item] of value.pairs) {
      write(key, draws);
      write(item, draws);
    }
  } else if (value instanceof Raw) sink.put(value.bytes);
  else if (value instanceof Run) for (const item of value.values) write(item, draws);
  else value satisfies never;
}

const keys = new Map<string, Uint8Array>();

/** Keys and the like come again and again. */
function utf8(text: string): Uint8Array {
  if (text.length > 12) return encoder.encode(text);
  const bytes = keys.get(text) ?? encoder.encode(text);
  if (keys.size < 1000) keys.set(text, bytes);
  return bytes;
}

interface Heads {
  readonly fix: number;
  readonly below: number;
  readonly 8?: number;
  readonly 16: number;
  readonly 32: number;
}
const ARRAY: Heads = { fix: 0x90, below: 16, 16: 0xdc, 32: 0xdd };
const MAP: Heads = { fix: 0x80, below: 16, 16: 0xde, 32: 0xdf };

function writeCount(n: number, heads: Heads, draws: Draws | null): void {
  const wider = draws?.oneIn(4) ? draws.below(4) : 0;
  if (n < heads.below && wider === 0) sink.byte(heads.fix + n);
  else if (heads[8] !== undefined && n < 256 && wider < 2) {
    sink.byte(heads[8]);
    sink.byte(n);
  } else if (n < 65_536 && wider < 3) {
    sink.byte(heads[16]);
    sink.uint16(n);
  } else {
    sink.byte(heads[32]);
    sink.uint32(n);
  }
}

function writeNumber(value: number, draws: Draws | null): void {
  if (draws?.oneIn(8) || !Number.isInteger(value) || Object.is(value, -0) || Math.abs(value) >= 2 ** 63) {
    if (Object.is(Math.fround(value), value) && draws?.oneIn(2)) {
      sink.byte(0xca);
      return sink.float32(value);
    }
    sink.byte(0xcb);
    return sink.float64(value);
  }
  const wider = draws?.oneIn(4) ? draws.below(5) : 0;
  if (value >= -32 && value < 128 && wider === 0) return sink.byte(value & 0xff);
  const [signed, size] = value < 0 ? [4, -value * 2 - 1] : [0, value];
  if (size < 2 ** 8 && wider < 2) {
    sink.byte(0xcc + signed);
    sink.byte(value & 0xff);
  } else if (size < 2 ** 16 && wider < 3) {
    sink.byte(0xcd + signed);
    sink.uint16(value & 0xffff);
  } else if (size < 2 ** 32 && wider < 4) {
    sink.byte(0xce + signed);
    sink.uint32(value >>> 0);
  } else {
    sink.byte(0xcf + signed);
    sink.uint64(BigInt.asUintN(64, BigInt(value)));
  }
}

/** Extension heads: fixext 1 to 16, ext 8 to 32, with types that msgpackr knows (references, records, sets, dates, ...). */
function extension(draws: Draws): Value {
  const types = [0xff, 0, 0x42, 0x52, 0x62, 0x63, 0x64, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, draws.below(256)];
  const type = draws.pick(types);
  const size = draws.below(5);
  if (draws.oneIn(2)) return new Run([raw(0xd4 + size, type), new Raw(draws.bytes(2 ** size))]);
  const length = draws.small(40);
  const body = new Run([raw(type), new Raw(draws.bytes(length))]);
  const claimed = draws.oneIn(4) ? draws.below(256) : length;
  return draws.pick([
    new Run([raw(0xc7, claimed), body]),
    new Run([raw(0xc8, draws.oneIn(4) ? 0xff : 0, claimed), body]),
    new Run([raw(0xc9, ...(draws.oneIn(4) ? HUGE.slice(1) : [0, 0, 0]), claimed), body]),
  ]);
}

const hostiles: readonly ((draws: Draws) => Value)[] = [
  (draws) => draws.pick(EDGE_NUMBERS),
  (draws) => draws.pick([Number.NaN, Infinity, -Infinity, -0]),
  (draws) => draws.pick<Value>([null, true, false, '', [], new Entries([])]),
  (draws) => draws.text(draws.pick(TEXT_LENGTHS)),
  (draws) => draws.pick(['hello', 'result', 'progress', 'welcome', 'state', 'work', 'news', '__proto__', 'kind']),
  (draws) => (draws.oneIn(8) ? 'x'.repeat(draws.pick([65_535, 65_536, 131_000, 131_072, 140_000])) : draws.text(300)),
  extension,
  // NaNs with a payload; integers of 64 bits.
  (draws) => new Run([raw(0xcb, 0x7f, 0xf8), new Raw(draws.bytes(6))]),
  (draws) =>
    new Run([raw(draws.pick([0xcf, 0xd3]), draws.pick([0, 0x1f, 0x20, 0x7f, 0x80, 0xff])), new Raw(draws.bytes(7))]),
  // Binary, the byte that msgpack never uses, a record of msgpackr, and no value at all.
  (draws) => new Run([raw(0xc4, 4), new Raw(draws.bytes(draws.oneIn(4) ? 3 : 4))]),
  () => raw(0xc1),
  (draws) => raw(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, draws.below(256)),
  (draws) => raw(draws.pick([0xc4, 0xc5, 0xc6, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xc9]), ...HUGE),
  () => new Run([]),
  // Text that is no UTF-8.
  (draws) => new Run([raw(0xa0 + 8), new Raw(draws.bytes(8))]),
  (draws) => new Raw(draws.bytes(draws.between(1, 20))),
];

const hostile = (draws: Draws): Value => draws.pick(hostiles)(draws);

/** What a header may be written to, wrongly. */
export const msgpack: Format = {
  hostile,
  hostileKey: (draws) =>
    draws.pick<Value>([0, -1, 1.5, null, true, [], ['kind'], new Entries([]), '', draws.text(70), hostile(draws)]),
  lie(container, draws) {
    const items = Array.isArray(container) ? container : container.pairs.flat();
    const [small, two, four] = Array.isArray(container) ? [0x90, 0xdc, 0xdd] : [0x80, 0xde, 0xdf];
    const count = Array.isArray(container) ? items.length : items.length / 2;
    const off = count + draws.pick([-1, 1, 2, 16]);
    const head = draws.pick([
      raw(small + (off & 15)),
      raw(two, (off >> 8) & 0xff, off & 0xff),
      raw(two, 0xff, 0xff),
      raw(four, ...HUGE),
      raw(four, 0x7f, 0xff, 0xff, 0xff),
      // What msgpackr would make room for at once: some 100 million places.
      raw(four, 0x05, 0xff, 0xff, 0xff),
      raw(four, 0, draws.below(256), draws.below(256), draws.below(256)),
      raw(four, 0, 0, (off >> 8) & 0xff, off & 0xff),
    ]);
    return new Run([head, ...items]);
  },
  nest(value, depth, draws) {
    const head = draws.oneIn(2) ? [0x91] : [0x81, 0xa1, 0x61];
    const heads = new Uint8Array(depth * head.length).map((_, i) => head[i % head.length] ?? 0);
    return new Run([new Raw(heads), value]);
  },
};
