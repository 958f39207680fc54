/**
 * Values as trees that can also say what no honest writer says: keys twice or that are no strings, raw bytes, counts that lie.
 * Here they are made and mutated; msgpack.ts and json.ts write them out.
 */
import type { Draws } from './draws.ts';

export type Value = null | boolean | number | string | Value[] | Entries | Raw | Run;

/** A map, as pairs. */
export class Entries {
  readonly pairs: [Value, Value][];
  constructor(pairs: [Value, Value][]) {
    this.pairs = pairs;
  }
}

/** Bytes that stand as they are. */
export class Raw {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Values one after the other, nothing before or between them. */
export class Run {
  readonly values: readonly Value[];
  constructor(values: readonly Value[]) {
    this.values = values;
  }
}

/** The tree of a plain value. @throws Error on what msgpack and JSON have no word for */
export function toValue(plain: unknown): Value {
  if (plain === null || typeof plain === 'boolean' || typeof plain === 'number' || typeof plain === 'string')
    return plain;
  if (Array.isArray(plain)) return plain.map(toValue);
  if (typeof plain === 'object')
    return new Entries(Object.entries(plain).map(([key, value]) => [key, toValue(value)] as [Value, Value]));
  throw new Error(`${typeof plain} is no value`);
}

/** What differs between the two encodings. */
export interface Format {
  /** A value that a reader might stumble over. */
  hostile(draws: Draws): Value;
  /** The same, as a key. */
  hostileKey(draws: Draws): Value;
  /** A container that announces another number of items than follow, or is otherwise not what it says. */
  lie(container: Value[] | Entries, draws: Draws): Value;
  /** `value` inside `depth` containers. */
  nest(value: Value, depth: number, draws: Draws): Value;
}

const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', '0', 'then'];
/** Most are small; now and then the limits of the schemas, and one more. */
const SIZES = [2, 3, 8, 9, 9, 17, 33, 65, 128, 129, 129, 256, 257, 257, 1024];
const LARGE = [4096, 16_384, 30_000, 65_535, 65_536, 65_537, 120_000];
/** Keys that engines may take for places of an array, far apart, and one that they do not. */
const KEYS = ['0', '1023', '4294967294', 'a'];

interface Slot {
  readonly value: Value;
  set(value: Value): void;
}

/** Every place in a tree where a value stands, of long lists only the first few and the last. */
function slotsOf(root: Value[]): Slot[] {
  const slots: Slot[] = [];
  const visit = (value: Value, set: (value: Value) => void): void => {
    slots.push({ value, set });
    if (Array.isArray(value)) inside(value);
    else if (value instanceof Entries)
      for (const pair of value.pairs)
        visit(pair[1], (other) => {
          pair[1] = other;
        });
  };
  const inside = (list: Value[]): void => {
    for (const [i, value] of list.entries())
      if (i < 8 || i === list.length - 1)
        visit(value, (other) => {
          list[i] = other;
        });
  };
  inside(root);
  return slots;
}

/** @returns whether it found a place where it could be done */
type TreeMutation = (root: Value[], draws: Draws, format: Format) => boolean;

/** Does something to one of the tree's maps. */
const inMap =
  (change: (pairs: [Value, Value][], draws: Draws, format: Format) => void): TreeMutation =>
  (root, draws, format) => {
    const maps = slotsOf(root).flatMap(({ value }) =>
      value instanceof Entries && value.pairs.length > 0 ? [value] : [],
    );
    if (maps.length === 0) return false;
    change(draws.pick(maps).pairs, draws, format);
    return true;
  };

/** Each changes one place of a tree, in place. */
export const treeMutations: Record<string, TreeMutation> = {
  'a hostile value': (root, draws, format) => {
    draws.pick(slotsOf(root)).set(format.hostile(draws));
    return true;
  },
  'a hostile key': inMap((pairs, draws, format) => {
    draws.pick(pairs)[0] = format.hostileKey(draws);
  }),
  'a key missing': inMap((pairs, draws) => {
    pairs.splice(draws.below(pairs.length), 1);
  }),
  'a key twice': inMap((pairs, draws, format) => {
    const [key, value] = draws.pick(pairs);
    pairs.splice(draws.below(pairs.length + 1), 0, [key, draws.oneIn(2) ? value : format.hostile(draws)]);
  }),
  'a key of the prototype': inMap((pairs, draws, format) => {
    const key = draws.pick(PROTOTYPE_NAMES);
    const value = draws.oneIn(2) ? format.hostile(draws) : new Entries([['kind', 'hello']]);
    if (draws.oneIn(2)) pairs.push([key, value]);
    else draws.pick(pairs)[0] = key;
  }),
  'keys by the thousand': inMap((pairs, draws) => {
    const [prefix, step] = draws.pick<[string, number]>([
      ['', 1],
      ['', 1000],
      ['k', 1],
    ]);
    const count = draws.oneIn(60) ? 20_000 : draws.small(100);
    for (let i = 0; i < count; i++) pairs.push([`${prefix}${i * step}`, null]);
  }),
  'two values swapped': (root, draws) => {
    const slots = slotsOf(root);
    const [one, other] = [draws.pick(slots), draws.pick(slots)];
    // A value within the other would make a tree without end.
    if (contains(one.value, other.value) || contains(other.value, one.value)) return false;
    one.set(other.value);
    other.set(one.value);
    return true;
  },
  'a value deep inside others': (root, draws, format) => {
    const slot = draws.pick(slotsOf(root));
    slot.set(format.nest(slot.value, draws.oneIn(60) ? 60_000 : draws.between(1, 12), draws));
    return true;
  },
  'a list made long': (root, draws, format) => {
    const slots = slotsOf(root);
    const lists = slots.filter(({ value }) => Array.isArray(value));
    const slot = draws.pick(lists.length > 0 && draws.oneIn(2) ? lists : slots);
    const item = Array.isArray(slot.value) ? (slot.value[0] ?? 0) : slot.value;
    const odd = [null, -1, 0.5, [], new Entries([]), new Entries([[draws.pick(KEYS), null]]), format.hostile(draws)];
    // The same small item each time, so that what is long stays within a frame.
    const count = draws.oneIn(20) ? draws.pick(LARGE) : draws.pick(SIZES);
    slot.set(new Array<Value>(count).fill(draws.oneIn(2) ? draws.pick<Value>(odd) : item));
    return true;
  },
  'a count that lies': (root, draws, format) => {
    const containers = slotsOf(root).flatMap((slot) =>
      Array.isArray(slot.value) || slot.value instanceof Entries ? [{ slot, container: slot.value }] : [],
    );
    if (containers.length === 0) return false;
    const { slot, container } = draws.pick(containers);
    slot.set(format.lie(container, draws));
    return true;
  },
};

function contains(value: Value, inner: Value): boolean {
  if (value === inner) return true;
  if (Array.isArray(value)) return value.some((item) => contains(item, inner));
  return value instanceof Entries && value.pairs.some(([, item]) => contains(item, inner));
}

/** Numbers at the edges of what some reader takes for a number. */
export const EDGE_NUMBERS: readonly number[] = [
  ...[0, -0, -1, 1, 2, 7, 8, 9, 0.5, -0.5, 127, 128, 255, 256, 1023, 1024, 1025, 65_535, 65_536, 65_537],
  ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 4 * 1024 ** 3 - 8],
  ...[2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53) + 1, -(2 ** 53), 2 ** 63, 2 ** 64, -(2 ** 63)],
  ...[1e300, -1e300, 5e-324, 1.7976931348623157e308, 1 / 3],
];

/** Lengths of text about the limits of the schemas. */
export const TEXT_LENGTHS: readonly number[] = [
  0, 1, 15, 16, 31, 32, 63, 64, 65, 100, 101, 200, 201, 255, 256, 257, 2001,
];
