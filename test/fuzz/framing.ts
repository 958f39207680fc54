/**
 * The frame format read a second time, without haste and with no regard to memory: what frames.ts must have made of the
 * frames that it accepted. It is asked only about those.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import { Unpackr } from 'msgpackr';
import { MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import type { Header, Message } from '../../core/protocol/messages.ts';
import type { End, Side } from './sides.ts';
import { Violation } from './subject.ts';

const MAX_HEADER_BYTES = 128 * 1024;
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });
const padded = (n: number): number => n + ((8 - (n % 8)) % 8);

function demand(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Violation(`accepted, though ${promise}`);
}

interface Open {
  readonly header: unknown;
  readonly lengths: readonly number[];
  readonly bodyBytes: number;
  readonly body: Uint8Array[];
  filled: number;
}

/** Follows one connection. */
export class Framing {
  readonly #side: Side;
  #open: Open | null = null;

  constructor(side: Side) {
    this.#side = side;
  }

  /** Of the message under way. */
  get received(): number {
    return this.#open?.filled ?? 0;
  }

  /** A frame was accepted. @param limit the end's, as it stood before it @throws Violation if it should not have been */
  accepted(frame: Uint8Array, message: Message<Header> | null, limit: End['limit']): void {
    demand(frame.length > 0 && frame.length <= MAX_FRAME_BYTES, `it has ${frame.length} bytes`);
    const piece = frame[0] === 1 ? this.#first(frame, limit) : frame.subarray(1);
    demand(frame[0] === 1 || frame[0] === 2, `its type is ${frame[0]}`);
    const open = this.#open;
    if (open === null) throw new Violation('accepted, though it continues nothing');
    demand(frame[0] === 1 || piece.length > 0, 'it is an empty continuation');
    open.body.push(piece);
    open.filled += piece.length;
    demand(open.filled <= open.bodyBytes, `it brings ${open.filled} bytes of ${open.bodyBytes}`);
    if ((message !== null) !== (open.filled === open.bodyBytes))
      throw new Violation(
        `${open.filled} bytes of ${open.bodyBytes} ${message === null ? 'gave no' : 'gave a'} message`,
      );
    if (message === null) return;
    this.#open = null;
    this.#compare(message, open);
  }

  #first(frame: Uint8Array, limit: End['limit']): Uint8Array {
    demand(this.#open === null, 'the message before it is not complete');
    demand(frame.length >= 5, 'its header length is cut short');
    const length = new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(1, true);
    demand(length <= MAX_HEADER_BYTES, `its header has ${length} bytes`);
    demand(5 + length <= frame.length, 'its header is cut short');
    const envelope: unknown = unpacker.unpack(frame.subarray(5, 5 + length));
    if (!Array.isArray(envelope) || envelope.length !== 2) throw new Violation('accepted, though it has no envelope');
    const [raw, lengths]: unknown[] = envelope;
    const header = this.#side.schema.safeParse(raw);
    demand(header.success, `its header ${inspect(raw).slice(0, 300)} does not satisfy the schema`);
    const isLength = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
    if (!Array.isArray(lengths) || lengths.length > 8 || !lengths.every(isLength))
      throw new Violation(`accepted, though its lengths are ${inspect(lengths).slice(0, 300)}`);
    const bodyBytes = lengths.reduce((sum, n) => sum + padded(n), 0);
    // The schema has just said that it is one.
    const most = limit(header.data as Header);
    demand(bodyBytes <= most, `it announces ${bodyBytes} bytes, of at most ${most}`);
    this.#open = { header: header.data, lengths, bodyBytes, body: [], filled: 0 };
    return frame.subarray(5 + length);
  }

  #compare({ header, parts }: Message<Header>, open: Open): void {
    if (!isDeepStrictEqual(header, open.header))
      throw new Violation(`the header ${inspect(header).slice(0, 300)} is not what was sent`);
    if (parts.length !== open.lengths.length)
      throw new Violation(`${parts.length} parts came of ${open.lengths.length}`);
    const body = Buffer.concat(open.body);
    let at = 0;
    for (const [i, part] of parts.entries()) {
      const length = open.lengths[i];
      if (part.byteOffset % 8 !== 0) throw new Violation(`part ${i} begins at byte ${part.byteOffset} of its memory`);
      if (Buffer.compare(part, body.subarray(at, at + length)) !== 0)
        throw new Violation(`part ${i}, of ${part.length} bytes, is not the ${length} bytes that were sent`);
      at += padded(length);
    }
  }
}
