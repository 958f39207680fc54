// The safetensors file format, encoded and decoded in memory: https://github.com/huggingface/safetensors#format.
// A file is the header's length (u64, little-endian), the header (JSON, padded with spaces), and the tensors' bytes one
// after the other. Pure: files, hashes and what a checkpoint must hold are store.ts's business.
// Tensor bytes are little-endian in the file and taken to be so in memory, as they are wherever this runs.

import * as z from 'zod';
import { UserError } from '../errors.ts';

/** Element types, their size in bytes and the array they come in. F16, BF16 and BOOL come as raw bits. */
const DTYPES = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type DType = keyof typeof DTYPES;
export type TensorData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** What is encoded: the dtype follows from the array's class. */
export interface NamedTensor<Data extends TensorData = TensorData> {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Data;
}

/** What is decoded. */
export interface DecodedTensor extends NamedTensor {
  readonly dtype: DType;
}

/** Where a tensor lies: bytes begin, ..., end - 1 of the data section. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export type Metadata = Record<string, string>;

/** The header of a file: its tensors in the order of their bytes, and where the data section begins in the file. */
export interface Header {
  readonly entries: TensorEntry[];
  readonly metadata: Metadata;
  readonly dataStart: number;
  readonly dataLength: number;
}

/** The format's own limit on the header, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;
const PREFIX_BYTES = 8;
const METADATA_KEY = '__metadata__';

/** Of a tensor. What computes with tensors (PyTorch, NumPy) has no more of them either. */
const MAX_DIMENSIONS = 64;

const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(DTYPES) as [DType, ...DType[]]),
  shape: z.array(z.int().nonnegative()).max(MAX_DIMENSIONS),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

function dtypeOf(data: TensorData): DType {
  for (const dtype of ['F32', 'F64', 'I64', 'U64', 'I32', 'U32', 'I16', 'U16', 'I8', 'U8'] as const) {
    if (data instanceof DTYPES[dtype]) return dtype;
  }
  throw new Error('unreachable: every kind of TensorData has a dtype');
}

const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/**
 * The head of a file (length and header) for some tensors, whose bytes must follow it in this order with no gaps.
 *
 * @throws Error on a repeated or reserved name, or a shape that is not the data's
 */
export function encodeHeader(tensors: readonly NamedTensor[], metadata: Metadata = {}): Uint8Array<ArrayBuffer> {
  const fields = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) fields.set(METADATA_KEY, metadata);
  let begin = 0;
  for (const { name, shape, data } of tensors) {
    if (name === METADATA_KEY || fields.has(name)) throw new Error(`the tensor name ${name} is reserved or repeated`);
    if (elements(shape) !== data.length) {
      throw new Error(`${name} has ${data.length} elements, which is not its shape [${shape.join(', ')}]`);
    }
    const end = begin + data.byteLength;
    fields.set(name, { dtype: dtypeOf(data), shape, data_offsets: [begin, end] });
    begin = end;
  }
  // fromEntries, not assignment: a tensor may be called __proto__.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) throw new Error(`a header of ${length} bytes is more than ${MAX_HEADER_BYTES}`);
  const head = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, PREFIX_BYTES);
  return head;
}

/** A tensor's bytes, as they stand in memory: a view, not a copy. */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A whole safetensors file. Throws as encodeHeader does. */
export function encodeSafetensors(tensors: readonly NamedTensor[], metadata: Metadata = {}): Uint8Array<ArrayBuffer> {
  const head = encodeHeader(tensors, metadata);
  const file = new Uint8Array(tensors.reduce((sum, { data }) => sum + data.byteLength, head.length));
  file.set(head);
  let at = head.length;
  for (const { data } of tensors) {
    file.set(bytesOf(data), at);
    at += data.byteLength;
  }
  return file;
}

/**
 * The length of the header that a file's first eight bytes announce.
 *
 * @param prefix the file's first eight bytes, or all of a shorter file
 * @param fileLength of the whole file, in bytes
 * @param file what to call the file in an error
 * @throws UserError where the file is too short for it, or the header larger than the format allows
 */
export function headerLength(prefix: Uint8Array, fileLength: number, file: string): number {
  if (prefix.length < PREFIX_BYTES || fileLength < PREFIX_BYTES) {
    throw new UserError(
      `${file} is cut short: it has ${fileLength} bytes, ${PREFIX_BYTES - fileLength} fewer than the length that a ` +
        'safetensors file begins with; use another copy.',
    );
  }
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new UserError(
      `${file} is not a safetensors file: its first bytes announce a header of ${length} bytes, more than the ` +
        `${MAX_HEADER_BYTES} of the format; give a safetensors file.`,
    );
  }
  const missing = PREFIX_BYTES + length - fileLength;
  if (missing > 0)
    throw new UserError(`${file} is cut short: ${missing} bytes of its header are missing; use another copy.`);
  return length;
}

/**
 * Decodes the head of a file, without its tensors.
 *
 * @param head at least the file's first 8 + headerLength bytes
 * @param fileLength of the whole file, in bytes
 * @param file what to call the file in an error
 * @throws UserError where the header is malformed, or the tensors do not fill the rest of the file exactly
 */
export function decodeHeader(head: Uint8Array, fileLength: number, file = 'the safetensors data'): Header {
  const length = headerLength(head.subarray(0, PREFIX_BYTES), fileLength, file);
  const brief = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}...` : text);
  const quoted = (name: string) => brief(JSON.stringify(name));
  const bad = (why: string) => new UserError(`${file} has a bad safetensors header (${why}): use another copy.`);
  const bytes = head.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw bad('it is not JSON in UTF-8');
  }
  if (bytes[0] !== 0x7b || typeof json !== 'object' || json === null) throw bad('it is not a JSON object');

  let metadata: Metadata = {};
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === METADATA_KEY) {
      const map = decodeMetadata(value);
      if (map === undefined) throw bad('its metadata is not a map of strings');
      metadata = map;
      continue;
    }
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw bad(`its entry for ${quoted(name)} is malformed`);
    const { dtype, shape, data_offsets } = parsed.data;
    const [begin, end] = data_offsets;
    if (end - begin !== elements(shape) * DTYPES[dtype].BYTES_PER_ELEMENT) {
      throw bad(`the bytes of ${quoted(name)} are not as many as its shape [${brief(shape.join(', '))}] needs`);
    }
    entries.push({ name, dtype, shape, begin, end });
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    if (entry.begin < end) throw bad(`${quoted(entry.name)} overlaps another tensor`);
    if (entry.begin > end) throw bad(`there is a gap before ${quoted(entry.name)}`);
    end = entry.end;
  }
  const dataStart = PREFIX_BYTES + length;
  const missing = dataStart + end - fileLength;
  if (missing > 0)
    throw new UserError(`${file} is cut short: ${missing} of its ${end} data bytes are missing; use another copy.`);
  if (missing < 0) throw new UserError(`${file} has ${-missing} bytes more than its header says: use another copy.`);
  return { entries, metadata, dataStart, dataLength: end };
}

// Not z.record: it drops the key __proto__, and every key that a file has should come back.
function decodeMetadata(value: unknown): Metadata | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const strings: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return undefined;
    strings.push([key, text]);
  }
  return Object.fromEntries(strings);
}

/** An array of a tensor's own for its bytes, zeroed: f32[elements] and so on. */
export function allocate(entry: TensorEntry): TensorData & { buffer: ArrayBuffer } {
  return new DTYPES[entry.dtype](new ArrayBuffer(entry.end - entry.begin));
}

/**
 * Decodes a whole safetensors file. The tensors come in the order of their bytes, each in memory of its own.
 *
 * @param file what to call the file in an error
 * @throws UserError where the file is cut short, too long, or its header is malformed
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  file = 'the safetensors data',
): { tensors: DecodedTensor[]; metadata: Metadata } {
  const { entries, metadata, dataStart } = decodeHeader(bytes, bytes.length, file);
  const tensors = entries.map((entry) => {
    const data = allocate(entry);
    bytesOf(data).set(bytes.subarray(dataStart + entry.begin, dataStart + entry.end));
    return { name: entry.name, dtype: entry.dtype, shape: entry.shape, data };
  });
  return { tensors, metadata };
}
