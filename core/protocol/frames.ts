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
import { SpareMemory } from './spareMemory.ts';

/** The largest frame sent, and the largest accepted. */
export const MAX_FRAME_BYTES = 256 * 1024;
/** The largest header, packed. */
export const MAX_HEADER_BYTES = 128 * 1024;
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
  let left = parts.reduce((n, p) => n + padded(p.byteLength), 0);
  const prefix = 5 + packed.byteLength;
  let frame = new Uint8Array(Math.min(MAX_FRAME_BYTES, prefix + left));
  frame[0] = FIRST;
  new DataView(frame.buffer).setUint32(1, packed.byteLength, true);
  frame.set(packed, 5);
  left -= frame.byteLength - prefix;
  const frames = [frame];
  let at = prefix;
  for (const part of parts) {
    // What a frame holds beyond a part's last byte is the part's padding, zeros from the start.
    for (let from = 0; from < padded(part.byteLength); ) {
      if (at === frame.byteLength) {
        frame = new Uint8Array(Math.min(MAX_FRAME_BYTES, 1 + left));
        frame[0] = MORE;
        left -= frame.byteLength - 1;
        frames.push(frame);
        at = 1;
      }
      const piece = part.subarray(from, from + frame.byteLength - at);
      frame.set(piece, at);
      const moved = Math.min(padded(part.byteLength) - from, frame.byteLength - at);
      at += moved;
      from += moved;
    }
  }
  return frames;
}

/** A message whose body is still coming. */
interface Pending<H> {
  readonly header: H;
  readonly lengths: readonly number[];
  /** As announced. */
  readonly bodyBytes: number;
  readonly isReadAtOnce: boolean;
  /** What has come so far, and room for more. */
  body: Uint8Array<ArrayBuffer>;
  filled: number;
}

/**
 * Makes room for `bytes` of a body and as many again, or for all of it: each byte is copied once or twice in all.
 * @throws FrameError where there is no memory for it
 */
function grow(pending: Pending<unknown>, bytes: number): void {
  try {
    const larger = new Uint8Array(Math.min(pending.bodyBytes, Math.max(bytes, 2 * pending.body.byteLength)));
    larger.set(pending.body.subarray(0, pending.filled));
    pending.body = larger;
  } catch {
    throw new FrameError(`a body of ${pending.bodyBytes} bytes, for which there is no memory`);
  }
}

/** Puts one connection's frames together, checking headers against a schema. */
export class FrameDecoder<H> {
  readonly #schema: z.ZodType<H>;
  readonly #maxBodyBytes: (header: H) => number;
  readonly #isReadAtOnce: (header: H) => boolean;
  readonly #memory: SpareMemory;
  /** The body of the last message, if it was to be read at once. */
  #lent: Uint8Array<ArrayBuffer> | null = null;
  #pending: Pending<H> | null = null;

  /**
   * @param maxBodyBytes the most a message with this header may carry, its padding included. Memory is taken as the body
   *   comes, at most three times what has come of it: nothing for what is only announced
   * @param isReadAtOnce whether a message's parts are done with before the next frame is pushed: its memory is used again
   * @param memory for the bodies of these, shared with other decoders perhaps
   */
  constructor(
    schema: z.ZodType<H>,
    maxBodyBytes: (header: H) => number,
    isReadAtOnce: (header: H) => boolean = () => false,
    memory = new SpareMemory(),
  ) {
    this.#schema = schema;
    this.#maxBodyBytes = maxBodyBytes;
    this.#isReadAtOnce = isReadAtOnce;
    this.#memory = memory;
  }

  /** Bytes of the message under way that have come, its header left out; null if there is none. */
  get pending(): number | null {
    return this.#pending?.filled ?? null;
  }

  /** The last message has been dealt with: its memory, if it was to be read at once, is free before the next frame comes. */
  release(): void {
    if (this.#lent !== null) this.#memory.give(this.#lent);
    this.#lent = null;
  }

  /** Takes one frame. @returns the message that it completes, or null. @throws FrameError; the connection is then useless */
  push(frame: Uint8Array): Message<H> | null {
    this.release();
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
    const isReadAtOnce = this.#isReadAtOnce(header);
    const body = (isReadAtOnce ? this.#memory.take(bodyBytes) : null) ?? new Uint8Array(0);
    this.#pending = { header, lengths, bodyBytes, isReadAtOnce, body, filled: 0 };
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
    const filled = pending.filled + piece.byteLength;
    if (filled > pending.bodyBytes) throw new FrameError('more bytes than announced');
    if (filled > pending.body.byteLength) grow(pending, filled);
    pending.body.set(piece, pending.filled);
    pending.filled = filled;
    if (filled < pending.bodyBytes) return null;
    this.#pending = null;
    if (pending.isReadAtOnce) this.#lent = pending.body;
    let at = 0;
    const parts = pending.lengths.map((length) => {
      const part = pending.body.subarray(at, at + length);
      at += padded(length);
      return part;
    });
    return { header: pending.header, parts };
  }
}
