/** What kind of message a frame begins, for whoever watches the wire without being a party to it. */
import { Unpackr } from 'msgpackr';
import * as z from 'zod';
import { fromCoordinatorSchema, fromWorkerSchema, type Header } from '../core/protocol/messages.ts';

const unpacker = new Unpackr({ useRecords: false });
const envelopeSchema = z.tuple([z.union([fromWorkerSchema, fromCoordinatorSchema]), z.array(z.number())]);
const kindSchema = z.tuple([z.object({ kind: z.string() }), z.unknown()]);

/** The packed envelope (core/protocol/frames.ts) that a frame of ours begins with; null for the continuation of a message. */
function envelopeOf(frame: Uint8Array): unknown {
  if (frame[0] !== 1) return null;
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(1, true);
  return unpacker.unpack(frame.subarray(5, 5 + length));
}

/** The kind of the message that a frame begins; null for the continuation of one. */
export function frameKind(frame: Uint8Array): string | null {
  const envelope = envelopeOf(frame);
  return envelope === null ? null : kindSchema.parse(envelope)[0].kind;
}

/** The header of the message that a frame begins, and the bytes of its parts. */
export function frameHeader(
  frame: Uint8Array,
): { readonly header: Header; readonly partBytes: readonly number[] } | null {
  const envelope = envelopeOf(frame);
  if (envelope === null) return null;
  const [header, partBytes] = envelopeSchema.parse(envelope);
  return { header, partBytes };
}
