/**
 * Token shards: files of ids, one after the other, and beside them shards.json, which says what they were made of, and tokenizer.json.
 * Here is what is in the files; reading and writing them is in the files beside.
 *
 * A shard is a header of 64 bytes and the ids, little-endian:
 *
 *   0  8 bytes   "MGSHARD" and a zero
 *   8  uint32    version, 1
 *  12  uint32    bytes of an id, 2 or 4
 *  16  uint64    number of ids
 *  24  uint32    size of the vocabulary
 *  28  uint32    the id that every document begins with
 *  32  32 bytes  the tokenizer's SHA-256
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { MAX_IDS } from '../../tokenizer/character.ts';

export const HEADER_BYTES = 64;
export const MANIFEST = 'shards.json';

const MAGIC = 'MGSHARD\0';
const VERSION = 1;

/** As few as hold every id. */
export const bytesPerIdOf = (vocabSize: number): 2 | 4 => (vocabSize > MAX_IDS ? 4 : 2);

export interface ShardHeader {
  readonly bytesPerId: 2 | 4;
  readonly tokens: number;
  readonly vocabSize: number;
  readonly endOfText: number;
  /** In hex. */
  readonly tokenizerSha256: string;
}

export function writeHeader(header: ShardHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, header.bytesPerId, true);
  view.setBigUint64(16, BigInt(header.tokens), true);
  view.setUint32(24, header.vocabSize, true);
  view.setUint32(28, header.endOfText, true);
  bytes.set(hexToBytes(header.tokenizerSha256), 32);
  return bytes;
}

/** Null where it is none, or of another version. */
export function readHeader(bytes: Uint8Array): ShardHeader | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const bytesPerId = view.getUint32(12, true);
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC || view.getUint32(8, true) !== VERSION) return null;
  if (bytesPerId !== 2 && bytesPerId !== 4) return null;
  return {
    bytesPerId,
    tokens: Number(view.getBigUint64(16, true)),
    vocabSize: view.getUint32(24, true),
    endOfText: view.getUint32(28, true),
    tokenizerSha256: bytesToHex(bytes.subarray(32, HEADER_BYTES)),
  };
}

const count = z.int().nonnegative();
const sha256 = z.hex().length(64);

/** How far into the inputs the shards go: so many whole pieces (pieces.ts) of an input, and so many tokens of the next. */
const placeSchema = z.strictObject({ input: count, piece: count, tokens: count });
export type Place = z.infer<typeof placeSchema>;

/** What shards are made of, and how: whoever goes on must ask for the same. */
const makingSchema = z.strictObject({
  tokenizerSha256: sha256,
  vocabSize: count,
  bytesPerId: z.union([z.literal(2), z.literal(4)]),
  endOfText: count,
  /** Of every shard but the last. */
  shardTokens: z.int().positive(),
  /** The field of JSON lines and Parquet that the text is in. */
  textField: z.string(),
  /** What parts documents in a text file; null where each file is one. */
  separator: z.string().nullable(),
  /** The hash is of each input's ends alone (inputs.ts). */
  inputs: z.array(z.strictObject({ path: z.string(), bytes: count, sha256 })),
});
export type Making = z.infer<typeof makingSchema>;

export const manifestSchema = z.strictObject({
  format: z.literal('manygrad-shards-1'),
  making: makingSchema,
  /** In their order, the one to validate on first. The hashes are of whole files. */
  shards: z.array(z.strictObject({ file: z.string(), tokens: count, sha256 })),
  documents: count,
  at: placeSchema,
  done: z.boolean(),
});
export type Manifest = z.infer<typeof manifestSchema>;
export type Shard = Manifest['shards'][number];
