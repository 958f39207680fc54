/** What is done to bytes that knows nothing of what they mean. */
import type { Draws } from './draws.ts';

/** Gives other bytes; those it is given, of which there is one at least, stay as they are. */
export type ByteMutation = (bytes: Uint8Array, draws: Draws) => Uint8Array;

/** Where formats have their types and lengths. */
const HEAD_BYTES = 48;

/** As WebSocket libraries give them: with other bytes before and after in the same memory. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((n, part) => n + part.length, 0);
  const larger = new Uint8Array(length + 11);
  larger.fill(0x91, 0, 3);
  larger.fill(0x91, 3 + length);
  let at = 3;
  for (const part of parts) {
    larger.set(part, at);
    at += part.length;
  }
  return larger.subarray(3, at);
}

/** At a place, more often than not among the first; `bytes` is a copy. */
const at =
  (change: (bytes: Uint8Array, draws: Draws, place: number) => Uint8Array): ByteMutation =>
  (bytes, draws) =>
    change(joined(bytes), draws, draws.below(draws.oneIn(3) ? bytes.length : Math.min(bytes.length, HEAD_BYTES)));

export const byteMutations: Record<string, ByteMutation> = {
  'a bit flipped': at((bytes, draws, place) => {
    bytes[place] ^= 1 << draws.below(8);
    return bytes;
  }),
  'a byte set': at((bytes, draws, place) => {
    bytes[place] = draws.pick([0, 1, 0x7f, 0x80, 0x90, 0xc0, 0xc1, 0xdc, 0xdd, 0xdf, 0xff, draws.below(256)]);
    return bytes;
  }),
  'bytes set': at((bytes, draws, place) => {
    bytes.set(draws.bytes(Math.min(1 + draws.small(16), bytes.length - place)), place);
    return bytes;
  }),
  'bytes cut off': at((bytes, draws, place) => bytes.subarray(0, draws.oneIn(2) ? place : -1)),
  'bytes added': at((bytes, draws) => joined(bytes, draws.bytes(1 + draws.small(40)))),
  'bytes put in': at((bytes, draws, place) =>
    joined(bytes.subarray(0, place), draws.bytes(1 + draws.small(8)), bytes.subarray(place)),
  ),
  'bytes taken out': at((bytes, draws, place) =>
    joined(bytes.subarray(0, place), bytes.subarray(place + 1 + draws.small(8))),
  ),
  'bytes repeated': at((bytes, draws, place) => {
    const run = bytes.subarray(place, place + 1 + draws.small(64));
    return joined(
      bytes.subarray(0, place),
      ...new Array<Uint8Array>(2 + draws.small(20)).fill(run),
      bytes.subarray(place),
    );
  }),
};
