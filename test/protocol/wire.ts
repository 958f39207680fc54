/** What the tests of frames send, and what becomes of it. */
import { expect } from 'vitest';
import * as z from 'zod';
import { FrameError } from '../../core/protocol/frameError.ts';
import { FrameDecoder } from '../../core/protocol/frames.ts';
import { fromCoordinatorSchema, fromWorkerSchema, type Header, type Message } from '../../core/protocol/messages.ts';

export const MiB = 1024 * 1024;
export const anyHeader = z.union([fromWorkerSchema, fromCoordinatorSchema]);
export const decoder = (limit = 64 * MiB) => new FrameDecoder(anyHeader, () => limit);

/** The header of a piece of a state. */
export const STATE = { kind: 'state', id: 'a', version: 1, params: 0, buffers: 0, offset: 0 } as const;

/** What becomes of frames pushed one after the other: messages, up to the FrameError if there is one. Nothing else may come. */
export function receive(
  frames: readonly Uint8Array[],
  limit?: number,
): { messages: Message<Header>[]; refused: boolean } {
  const into = decoder(limit);
  const messages: Message<Header>[] = [];
  for (const frame of frames)
    try {
      const message = into.push(frame);
      if (message !== null) messages.push(message);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      return { messages, refused: true };
    }
  return { messages, refused: false };
}

/** Bytes that differ from place to place, made faster than fast-check would draw a million. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 0x01000193) ^ (state >>> 15);
    bytes[i] = state;
  }
  return bytes;
}

/** As WebSocket libraries give them: somewhere in a larger buffer. */
export function inLargerBuffer(frame: Uint8Array): Uint8Array {
  const larger = new Uint8Array(frame.length + 8).fill(0xff);
  larger.set(frame, 3);
  return larger.subarray(3, 3 + frame.length);
}

/** A first frame around any header bytes, of which no body has come. */
export function firstFrame(packed: Uint8Array): Uint8Array {
  const frame = new Uint8Array(5 + packed.length);
  frame[0] = 1;
  new DataView(frame.buffer).setUint32(1, packed.length, true);
  frame.set(packed, 5);
  return frame;
}

export function expectSame(got: Message<Header>, want: Message<Header>): void {
  // -0 is a loss as good as 0.
  expect(JSON.stringify(got.header)).toBe(JSON.stringify(want.header));
  expect(got.parts.map((p) => p.length)).toEqual(want.parts.map((p) => p.length));
  for (const [i, part] of got.parts.entries()) {
    expect(Buffer.compare(part, want.parts[i])).toBe(0);
    expect(part.byteOffset % 8).toBe(0);
  }
}
