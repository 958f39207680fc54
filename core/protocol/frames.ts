/**
 * Frames: how a message (a small header and large parts) is cut into WebSocket messages of bounded size, and put together.
 *
 * First frame:  0x01 | u32 header length | msgpack [header, part lengths] | the beginning of the body
 * Later frames: 0x02 | more of the body
 * The body is the parts one after the other, each padded to a multiple of 8 bytes. A message's frames follow each other
 * directly on a connection. Integers are little-endian.
 *
 * Nothing here trusts the sender: any input either gives a message, waits for more, or throws FrameError.
 */
import { Packr, Unpackr } from 'msgpackr';
import * as z from 'zod';
import { FrameError } from './frameError.ts';
import type { Header, Message } from './messages.ts';
import { isPlainMsgpack } from './msgpack.ts';

/** The largest frame sent, and the largest accepted. */
export const MAX_FRAME_BYTES = 256 * 1024;
const MAX_HEADER_BYTES = 128 * 1024;
const FIRST = 1;
const MORE = 2;

const packer = new Packr({ useRecords: false });
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });
const envelopeSchema = z.tuple([z.unknown(), z.array(z.int().nonnegative()).max(8)]);
const padded = (n: number): number => Math.ceil(n / 8) * 8;

/** The frames of a message, each at most MAX_FRAME_BYTES. The parts are copied. */
export function encodeFrames({ header, parts }: Message<Header>): Uint8Array[] {
  const packed = packer.pack([header, parts.map((p) => p.byteLength)]);
  if (packed.byteLength > MAX_HEADER_BYTES) throw new Error(`a header of ${packed.byteLength} bytes is too large`);
  const body = new Uint8Array(parts.reduce((n, p) => n + padded(p.byteLength), 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += padded(part.byteLength);
  }
  const room = MAX_FRAME_BYTES - 5 - packed.byteLength;
  const first = new Uint8Array(5 + packed.byteLength + Math.min(room, body.byteLength));
  first[0] = FIRST;
  new DataView(first.buffer).setUint32(1, packed.byteLength, true);
  first.set(packed, 5);
  first.set(body.subarray(0, room), 5 + packed.byteLength);
  const frames = [first];
  for (let from = room; from < body.byteLength; from += MAX_FRAME_BYTES - 1) {
    const piece = body.subarray(from, from + MAX_FRAME_BYTES - 1);
    const frame = new Uint8Array(1 + piece.byteLength);
    frame[0] = MORE;
    frame.set(piece, 1);
    frames.push(frame);
  }
  return frames;
}

/** Puts one connection's frames together, checking headers against a schema. */
export class FrameDecoder<H> {
  readonly #schema: z.ZodType<H>;
  readonly #maxBodyBytes: (header: H) => number;
  #pending: { header: H; lengths: number[]; body: Uint8Array; filled: number } | null = null;

  /**
   * @param maxBodyBytes the most a message with this header may carry, its padding included; memory is taken only for
   *   what this allows
   */
  constructor(schema: z.ZodType<H>, maxBodyBytes: (header: H) => number) {
    this.#schema = schema;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Takes one frame. @returns the message that it completes, or null. @throws FrameError; the connection is then useless */
  push(frame: Uint8Array): Message<H> | null {
    if (frame.byteLength === 0) throw new FrameError('an empty frame');
    if (frame.byteLength > MAX_FRAME_BYTES) throw new FrameError(`a frame of ${frame.byteLength} bytes`);
    switch (frame[0]) {
      case FIRST:
        return this.#first(frame);
      case MORE:
        return this.#more(frame.subarray(1));
      default:
        throw new FrameError(`a frame of the unknown type ${frame[0]}`);
    }
  }

  #first(frame: Uint8Array): Message<H> | null {
    if (this.#pending !== null) throw new FrameError('a new message before the last one was complete');
    if (frame.byteLength < 5) throw new FrameError('a frame cut short');
    const headerBytes = new DataView(frame.buffer, frame.byteOffset).getUint32(1, true);
    if (headerBytes > MAX_HEADER_BYTES) throw new FrameError(`a header of ${headerBytes} bytes`);
    if (5 + headerBytes > frame.byteLength) throw new FrameError('a header cut short');
    const [header, lengths] = this.#envelope(frame.subarray(5, 5 + headerBytes));
    const bodyBytes = lengths.reduce((n, l) => n + padded(l), 0);
    const limit = this.#maxBodyBytes(header);
    if (bodyBytes > limit) throw new FrameError(`a message with a body of ${bodyBytes} bytes, of at most ${limit}`);
    this.#pending = { header, lengths, body: new Uint8Array(bodyBytes), filled: 0 };
    return this.#fill(frame.subarray(5 + headerBytes));
  }

  #more(piece: Uint8Array): Message<H> | null {
    if (this.#pending === null) throw new FrameError('the continuation of no message');
    if (piece.byteLength === 0) throw new FrameError('an empty continuation');
    return this.#fill(piece);
  }

  #envelope(packed: Uint8Array): [H, number[]] {
    if (!isPlainMsgpack(packed)) throw new FrameError('a header that is no plain msgpack');
    let value: unknown;
    try {
      value = unpacker.unpack(packed);
    } catch {
      throw new FrameError('a header that is no msgpack');
    }
    const envelope = envelopeSchema.safeParse(value);
    const header = envelope.success ? this.#schema.safeParse(envelope.data[0]) : null;
    if (!envelope.success || !header?.success) throw new FrameError('a header that is no message of this protocol');
    return [header.data, envelope.data[1]];
  }

  #fill(piece: Uint8Array): Message<H> | null {
    const pending = this.#pending;
    if (pending === null) return null;
    if (pending.filled + piece.byteLength > pending.body.byteLength) throw new FrameError('more bytes than announced');
    pending.body.set(piece, pending.filled);
    pending.filled += piece.byteLength;
    if (pending.filled < pending.body.byteLength) return null;
    this.#pending = null;
    let at = 0;
    const parts = pending.lengths.map((length) => {
      const part = pending.body.subarray(at, at + length);
      at += padded(length);
      return part;
    });
    return { header: pending.header, parts };
  }
}
