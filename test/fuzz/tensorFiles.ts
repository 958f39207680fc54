/** Safetensors files, some of them checkpoints, made and mutated: for the fuzzes of both (safetensors.ts, checkpoint.ts). */
import { createHash } from 'node:crypto';
import { byteMutations, joined } from './byteMutations.ts';
import type { Draws } from './draws.ts';
import { json, writeJson } from './json.ts';
import type { Case } from './subject.ts';
import { EDGE_NUMBERS, Entries, toValue, treeMutations, type Value } from './values.ts';

/** Bytes of an element. */
export const SIZES: Readonly<Record<string, number>> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 },
};
const MAX_HEADER_BYTES = 100_000_000;
const NO_HASH = '0'.repeat(64);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Draft {
  /** The header, one value. */
  readonly root: [Value];
  data: Uint8Array;
}

/** Some tensors with no gaps between them. */
function draft(draws: Draws, isCheckpoint: boolean): Draft {
  const entries: [string, unknown][] = [];
  const metadata = Object.fromEntries([
    ['note', draws.text(draws.small(50))],
    ['__proto__', ''],
  ]);
  let end = 0;
  for (let i = draws.below(5); i > 0; i--) {
    const dtype = isCheckpoint ? 'F32' : draws.pick(Object.keys(SIZES));
    const shape = Array.from({ length: draws.below(4) }, () => draws.small(draws.oneIn(20) ? 60 : 6));
    const begin = end;
    end += shape.reduce((product, n) => product * n, 1) * SIZES[dtype];
    entries.push([`${draws.text(draws.small(20))}${i}`, { dtype, shape, data_offsets: [begin, end] }]);
  }
  const data = draws.bytes(end);
  const step = String(draws.small(100_000));
  if (isCheckpoint) entries.push(['__metadata__', { ...metadata, step, sha256: sha256(data), headerSha256: NO_HASH }]);
  else if (draws.oneIn(2)) entries.push(['__metadata__', metadata]);
  return { root: [toValue(Object.fromEntries(entries))], data };
}

type DraftMutation = (draft: Draft, draws: Draws) => boolean;

/** Every value that tensors' entries have under this key, with what sets it. */
function fieldsCalled(key: string, { root: [header] }: Draft): { value: Value; set: (value: Value) => unknown }[] {
  return (header instanceof Entries ? header.pairs : []).flatMap(([, entry]) =>
    (entry instanceof Entries ? entry.pairs : []).flatMap((pair) =>
      pair[0] === key ? [{ value: pair[1], set: (value: Value) => pair.splice(1, 1, value) }] : [],
    ),
  );
}

const listsCalled = (key: string, draft: Draft): Value[][] =>
  fieldsCalled(key, draft).flatMap(({ value }) => (Array.isArray(value) ? [value] : []));

/** In a tensor's entry, the list of this name. */
const inEntry =
  (key: string, change: (list: Value[], draws: Draws) => void): DraftMutation =>
  (draft, draws) => {
    const lists = listsCalled(key, draft);
    if (lists.length === 0) return false;
    change(draws.pick(lists), draws);
    return true;
  };

const draftMutations: Record<string, DraftMutation> = {
  'an offset at an edge': inEntry('data_offsets', (offsets, draws) => {
    offsets[draws.below(2)] = draws.pick(EDGE_NUMBERS);
  }),
  'an offset off by a little': inEntry('data_offsets', (offsets, draws) => {
    const i = draws.below(2);
    offsets[i] = Number(offsets[i] ?? 0) + draws.pick([-8, -4, -1, 1, 4, 8]);
  }),
  'offsets moved': inEntry('data_offsets', (offsets, draws) => {
    const by = draws.pick([-4, 4, 2 ** 32, 2 ** 50]);
    for (const i of offsets.keys()) offsets[i] = Number(offsets[i]) + by;
  }),
  'a gap or overlap with its data': (draft, draws) => {
    const all = listsCalled('data_offsets', draft);
    if (all.length === 0) return false;
    const by = draws.pick([-4, -1, 1, 4, 8]);
    const from = Number(draws.pick(all)[0]);
    for (const offsets of all)
      if (Number(offsets[0]) >= from) for (const i of offsets.keys()) offsets[i] = Number(offsets[i]) + by;
    draft.data = by > 0 ? joined(draft.data, draws.bytes(by)) : draft.data.slice(0, by);
    return true;
  },
  'another dtype': (draft, draws) => {
    const fields = fieldsCalled('dtype', draft);
    if (fields.length === 0) return false;
    const { value, set } = draws.pick(fields);
    const alike = Object.keys(SIZES).filter((dtype) => SIZES[dtype] === SIZES[String(value)]);
    set(draws.pick(alike.length > 0 && draws.oneIn(2) ? alike : Object.keys(SIZES)));
    return true;
  },
  'a dimension at an edge': inEntry('shape', (shape, draws) => {
    shape[draws.below(shape.length + 1)] = draws.pick(EDGE_NUMBERS);
  }),
  'dimensions added': inEntry('shape', (shape, draws) => {
    const size = draws.pick([0, 1, 1, 2, -1, 0.5, 2 ** 31, 2 ** 53 - 1]);
    const until = draws.oneIn(12) ? 50_000 : draws.pick([8, 63, 64, 65, 100]);
    while (shape.length < until) shape.push(size);
  }),
  'the data cut short': (draft, draws) => {
    draft.data = draft.data.slice(0, -1 - draws.small(draft.data.length));
    return true;
  },
  'the data too long': (draft, draws) => {
    draft.data = joined(draft.data, draws.bytes(1 + draws.small(100)));
    return true;
  },
};

const HEADER_LENGTH = 'a header length at an edge';
const UNSEALED = 'not sealed anew';
export const fileMutations = [treeMutations, draftMutations, byteMutations].flatMap(Object.keys).concat(HEADER_LENGTH);
export const checkpointMutations = fileMutations.concat(UNSEALED);

/** @param isCheckpoint with what a checkpoint of manygrad has in its metadata, as often as not true of the mutated file */
export function makeFile(draws: Draws, isCheckpoint: boolean): Case {
  const made = draft(draws, isCheckpoint);
  const mutations: string[] = [];
  const times = draws.oneIn(16) ? 0 : 1 + draws.small(3);
  const early = draws.below(times + 1);
  for (let i = 0; i < early; i++) {
    const isOfTree = draws.oneIn(2);
    const name = draws.pick(Object.keys(isOfTree ? treeMutations : draftMutations));
    if (isOfTree ? treeMutations[name](made.root, draws, json) : draftMutations[name](made, draws))
      mutations.push(name);
  }
  const written = writeJson(made.root[0]);
  const head = new Uint8Array(8 + 8 * Math.ceil(written.length / 8)).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(written, 8);
  // Sealed, a mutated checkpoint gets past its hashes; of data that changed, that of the data is no more true.
  if (isCheckpoint && times > 0 && draws.oneIn(4)) mutations.push(UNSEALED);
  else if (isCheckpoint) seal(head);
  let file = joined(head, made.data);
  for (let i = early; i < times; i++) {
    if (draws.oneIn(6) && file.length >= 8) {
      const rest = file.length - 8;
      const edges = [
        0,
        1,
        head.length - 9,
        head.length,
        rest,
        rest + 1,
        MAX_HEADER_BYTES,
        MAX_HEADER_BYTES + 1,
        2 ** 40,
      ];
      file = joined(file);
      new DataView(file.buffer, file.byteOffset).setBigUint64(0, BigInt(draws.pick(edges)), true);
      if (draws.oneIn(4)) file.fill(draws.pick([0x7f, 0xff]), 7, 8);
      mutations.push(HEADER_LENGTH);
    } else if (file.length > 0) {
      const name = draws.pick(Object.keys(byteMutations));
      file = byteMutations[name](file, draws);
      mutations.push(name);
    }
  }
  return { pieces: [file], mutations };
}

function seal(head: Uint8Array): void {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const at = bytes.indexOf(NO_HASH);
  if (at >= 0) bytes.write(sha256(bytes), at, 'latin1');
}
