/** What kind of message a frame begins, for whoever watches the wire without being a party to it. */
import { Unpackr } from 'msgpackr';
import * as z from 'zod';
import type { Header } from '../core/protocol/messages.ts';

const unpacker = new Unpackr({ useRecords: false });
const envelopeSchema = z.tuple([z.object({ kind: z.string() }), z.array(z.number())]);

export type Kind = Header['kind'];

/** The kind of the message that a frame of ours begins, and the bytes of its parts; null for the continuation of one. */
export function frameKind(frame: Uint8Array): { readonly kind: Kind; readonly partBytes: readonly number[] } | null {
  if (frame[0] !== 1) return null;
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(1, true);
  const [{ kind }, partBytes] = envelopeSchema.parse(unpacker.unpack(frame.subarray(5, 5 + length)));
  return { kind: kind as Kind, partBytes };
}
