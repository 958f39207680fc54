/** What is done to bodies and frames: everything below and beside the tree of a header. Each changes one thing, in place. */
import { Packr } from 'msgpackr';
import { MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { type ByteMutation, byteMutations, joined } from './byteMutations.ts';
import type { Draws } from './draws.ts';
import { EDGE_NUMBERS, type Value } from './values.ts';

const MAX_HEADER_BYTES = 128 * 1024;

/** A message before it is cut into frames. */
export interface Draft {
  /** The header and the lengths. */
  readonly envelope: [Value, Value];
  /** A header that is already written; used for the envelope. */
  packed?: Uint8Array;
  body: Uint8Array;
}

/** @param reach the side's body limit, if it can be reached @returns whether it could be done */
type BodyMutation = (draft: Draft, draws: Draws, reach: number | null) => boolean;

const inLengths =
  (change: (lengths: Value[], draws: Draws) => void): BodyMutation =>
  ({ envelope }, draws) => {
    const lengths = envelope[1];
    if (!Array.isArray(lengths)) return false;
    change(lengths, draws);
    return true;
  };

/** Bytes that differ from place to place, without drawing them: a body may be large. */
const filler = (length: number, from: number): Uint8Array => PATTERN.slice(from, from + length);
const PATTERN = new Uint8Array(2 ** 20).map((_, i) => i ^ (i >> 7));

/** What is a thousand times as large as the rest is made a dozen times as seldom. */
const seldom =
  <A extends [unknown, Draws, ...unknown[]]>(mutation: (...args: A) => boolean) =>
  (...args: A): boolean =>
    args[1].oneIn(12) && mutation(...args);

export const bodyMutations: Record<string, BodyMutation> = {
  'a part length at an edge': inLengths((lengths, draws) => {
    lengths[draws.below(lengths.length + 1)] = draws.pick(EDGE_NUMBERS);
  }),
  'a part length off by a little': inLengths((lengths, draws) => {
    const i = draws.below(lengths.length + 1);
    lengths[i] = Number(lengths[i] ?? 0) + draws.pick([-8, -7, -4, -1, 1, 2, 4, 7, 8]);
  }),
  'parts added': inLengths((lengths, draws) => {
    const size = draws.pick([0, 0, 8, -0]);
    const until = draws.pick([lengths.length + 1, 7, 8, 9, 9, draws.oneIn(8) ? 100_000 : 10]);
    while (lengths.length < until) lengths.push(size);
  }),
  'a part removed': inLengths((lengths, draws) => {
    lengths.splice(draws.below(lengths.length + 1), 1);
  }),
  'a body cut short': (draft, draws) => {
    draft.body = draft.body.slice(0, -1 - draws.small(draft.body.length));
    return true;
  },
  'a body too long': (draft, draws) => {
    draft.body = Uint8Array.of(...draft.body.subarray(0, 1000), ...draws.bytes(1 + draws.small(600)));
    return true;
  },
  'a body about the limit': seldom((draft: Draft, draws: Draws, reach: number | null) => {
    if (reach === null) return false;
    const total = reach + draws.pick([-8, 0, 0, 8]);
    const [first, last] = [8 * draws.small(total / 8), draws.pick([0, 0, 1, 7])];
    draft.envelope[1] = [first, total - first - last];
    draft.body = filler(draws.oneIn(3) ? total : draws.small(total), draws.below(256));
    return true;
  }),
  'a body announced and not sent': (draft, draws) => {
    draft.envelope[1] = [draws.pick([4 * 1024 ** 3, 4 * 1024 ** 3 - 8, 2 ** 31, 2 ** 28, 8 * draws.small(2 ** 26)])];
    draft.body = draft.body.slice(0, draws.small(draft.body.length));
    return true;
  },
  'a header about its limit': seldom((draft: Draft, draws: Draws, reach: number | null) => {
    draft.packed = headerOf(MAX_HEADER_BYTES + draws.pick([-1, 0, 0, 1]), reach === null);
    draft.body = new Uint8Array(0);
    return true;
  }),
};

const headers = new Map<string, Uint8Array>();

/** The header of a message, of just so many bytes. */
function headerOf(size: number, isFromCoordinator: boolean): Uint8Array {
  const key = `${size} ${isFromCoordinator}`;
  const lists = (n: number) => ({ losses: new Array(65_536).fill(0), counts: new Array(n).fill(1) });
  const pack = (n: number) =>
    new Packr({ useRecords: false }).pack([
      isFromCoordinator
        ? { kind: 'welcome', run: 'x'.repeat(65_536 + n), model: {} }
        : { kind: 'result', round: 0, lo: 0, size: 1, ...lists(n) },
      [],
    ]);
  // Each of n takes one byte.
  const packed = headers.get(key) ?? Uint8Array.from(pack(300 + size - pack(300).length));
  headers.set(key, packed);
  return packed;
}

/** A message's frames, cut as an honest sender does or at other places, each somewhere in a larger buffer. */
export function cutIntoFrames({ envelope, packed, body }: Draft, write: (envelope: Value) => Uint8Array, draws: Draws) {
  const header = packed ?? write(envelope);
  const pieces: Uint8Array[] = [];
  const isOdd = draws.oneIn(3);
  let room = Math.max(0, MAX_FRAME_BYTES - 5 - header.length);
  let at = 0;
  do {
    const isLast = pieces.length > 10;
    const size = Math.min(room, body.length - at, isOdd && !isLast ? draws.small(body.length) : Infinity);
    const isFirst = pieces.length === 0;
    if (isFirst || size > 0) pieces.push(frameOf(isFirst ? header : null, body.subarray(at, at + size)));
    at += size;
    room = MAX_FRAME_BYTES - 1;
  } while (at < body.length);
  return pieces;
}

/** A first frame, or without a header a continuation. */
function frameOf(header: Uint8Array | null, body: Uint8Array): Uint8Array {
  if (header === null) return joined(CONTINUATION, body);
  const frame = joined(HEAD, header, body);
  frame[0] = 1;
  for (let i = 0; i < 4; i++) frame[1 + i] = header.length >>> (8 * i);
  return frame;
}

const CONTINUATION = Uint8Array.of(2);
const HEAD = new Uint8Array(5);

/** @returns whether it could be done */
type FrameMutation = (frames: Uint8Array[], draws: Draws) => boolean;

const inFrame =
  (change: ByteMutation): FrameMutation =>
  (frames, draws) => {
    const i = draws.below(frames.length);
    if (frames.length === 0 || frames[i].length === 0) return false;
    frames[i] = change(frames[i], draws);
    return true;
  };

const inserting =
  (make: (frames: readonly Uint8Array[], draws: Draws) => Uint8Array): FrameMutation =>
  (frames, draws) => {
    frames.splice(draws.below(frames.length + 1), 0, make(frames, draws));
    return true;
  };

export const frameMutations: Record<string, FrameMutation> = {
  ...Object.fromEntries(Object.entries(byteMutations).map(([name, change]) => [name, inFrame(change)])),
  'a header length at an edge': inFrame((original, draws) => {
    const frame = joined(original);
    if (frame.length < 5) return frame;
    const view = new DataView(frame.buffer, frame.byteOffset);
    const now = view.getUint32(1, true);
    const rest = frame.length - 5;
    const near = [now - 1, now + 1, now + 8, rest, rest + 1, MAX_HEADER_BYTES, MAX_HEADER_BYTES + 1];
    view.setUint32(1, draws.pick([0, 1, ...near, 2 ** 31, 2 ** 32 - 1]), true);
    return frame;
  }),
  'another frame type': inFrame((frame, draws) =>
    joined(Uint8Array.of(draws.pick([0, 1, 2, 3, 0x80, 0xff])), frame.subarray(1)),
  ),
  'a frame dropped': (frames, draws) => frames.splice(draws.below(frames.length), 1).length > 0,
  'a frame twice': inserting((frames, draws) => (frames.length === 0 ? new Uint8Array(0) : draws.pick(frames))),
  'two frames swapped': (frames, draws) => {
    if (frames.length < 2) return false;
    const [i, j] = [draws.below(frames.length), draws.below(frames.length)];
    [frames[i], frames[j]] = [frames[j], frames[i]];
    return i !== j;
  },
  'frames interleaved': (frames, draws) => {
    if (frames.length < 3) return false;
    const late = frames.splice(draws.between(1, frames.length - 1));
    for (const frame of late) frames.splice(draws.below(frames.length + 1), 0, frame);
    return true;
  },
  'two frames as one': (frames, draws) => {
    if (frames.length < 2) return false;
    const i = draws.below(frames.length - 1);
    frames.splice(i, 2, joined(frames[i], frames[i + 1]));
    return true;
  },
  'a frame as two': (frames, draws) => {
    const i = draws.below(frames.length);
    if (frames.length === 0 || frames[i].length < 2) return false;
    const place = draws.between(1, frames[i].length - 1);
    frames.splice(i, 1, frames[i].subarray(0, place), joined(CONTINUATION, frames[i].subarray(place)));
    return true;
  },
  'an empty frame': inserting(() => new Uint8Array(0)),
  'an empty continuation': inserting(() => Uint8Array.of(2)),
  'a continuation of nothing': inserting((_, draws) => joined(CONTINUATION, draws.bytes(1 + draws.small(64)))),
  'a frame about the limit': seldom(
    inserting((_, draws) => {
      const frame = filler(MAX_FRAME_BYTES + draws.pick([-1, 0, 1]), 0);
      frame[0] = draws.pick([1, 2, 2]);
      return frame;
    }),
  ),
  'random bytes': inserting((_, draws) => draws.bytes(1 + draws.small(200))),
};
