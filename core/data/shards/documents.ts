/** The documents of an input, in parts where they are long, whatever they are stored in. Node only. */
import { open } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import { linesOf } from '../../disk/files.ts';
import { nodeDisk } from '../../disk/nodeDisk.ts';
import { UserError } from '../../errors.ts';
import type { Input } from './inputs.ts';

export interface DocumentOptions {
  /** The field of JSON lines and Parquet that the text is in. */
  readonly textField: string;
  /** What parts documents in a text file; null where each file is one. */
  readonly separator: string | null;
}

/** A part of a document, and whether it is its last. A document has one or more, which may be empty. */
export interface DocumentPart {
  readonly text: string;
  readonly isLast: boolean;
}

/** Bytes that are read of a text at a time. */
const READ_BYTES = 1 << 20;

/** @throws UserError where it cannot be read as what its name says that it is */
export function documentsOf(input: Input, { textField, separator }: DocumentOptions): AsyncGenerator<DocumentPart> {
  switch (input.kind) {
    case 'text':
      return separator === null ? wholeText(input.path) : partedText(input.path, separator);
    case 'jsonl':
      return jsonLines(input.path, textField);
    case 'parquet':
      return parquetRows(input.path, textField);
    default:
      return input.kind satisfies never;
  }
}

async function* wholeText(path: string): AsyncGenerator<DocumentPart> {
  for await (const text of textOf(path)) yield { text, isLast: false };
  yield { text: '', isLast: true };
}

async function* partedText(path: string, separator: string): AsyncGenerator<DocumentPart> {
  let held = '';
  for await (const text of textOf(path)) {
    const parts = (held + text).split(separator);
    held = parts.pop() ?? '';
    for (const part of parts) yield { text: part, isLast: true };
    // What may be the beginning of a separator waits for what follows; the rest of a long document does not.
    const sure = held.length - separator.length + 1;
    if (sure > 0) {
      yield { text: held.slice(0, sure), isLast: false };
      held = held.slice(sure);
    }
  }
  yield { text: held, isLast: true };
}

/** A file's text, a byte-order mark at its beginning left out, as many bytes at a time whatever the disk gives. */
async function* textOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const handle = await open(path, 'r');
  try {
    const bytes = new Uint8Array(READ_BYTES);
    for (let position = 0; ; ) {
      let filled = 0;
      while (filled < READ_BYTES) {
        const { bytesRead } = await handle.read(bytes, filled, READ_BYTES - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      position += filled;
      const isEnd = filled < READ_BYTES;
      yield decode(decoder, bytes.subarray(0, filled), isEnd, path);
      if (isEnd) return;
    }
  } finally {
    await handle.close();
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array, isEnd: boolean, path: string): string {
  try {
    return decoder.decode(bytes, { stream: !isEnd });
  } catch {
    throw new UserError(`${path} is not valid UTF-8 text: save it as UTF-8, or leave it out.`);
  }
}

async function* jsonLines(path: string, field: string): AsyncGenerator<DocumentPart> {
  let number = 0;
  for await (const { text: line } of linesOf(nodeDisk, path)) {
    number++;
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new UserError(`line ${number} of ${path} is no JSON: mend it, or leave the file out.`);
    }
    const text = textIn(value, field);
    if (text === null)
      throw new UserError(`line ${number} of ${path} has no text in "${field}": name the field with --text-field.`);
    yield { text, isLast: true };
  }
}

/** Null where there is none. */
function textIn(value: unknown, field: string): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const found: unknown = Object.entries(value).find(([key]) => key === field)?.[1];
  return typeof found === 'string' ? found : null;
}

/** hyparquet has snappy itself. */
const compressors: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
  ZSTD: (bytes) => zstdDecompressSync(bytes),
};

/** A row group is in memory at a time. */
async function* parquetRows(path: string, field: string): AsyncGenerator<DocumentPart> {
  const file = await asyncBufferFromFile(path);
  const metadata = await orRefuse(path, () => parquetMetadataAsync(file));
  const columns = metadata.schema.slice(1).map(({ name }) => name);
  if (!columns.includes(field))
    throw new UserError(
      `${path} has no column "${field}" but ${columns.join(', ')}: name the one with the text with --text-field.`,
    );
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await readRows(path, file, { metadata, columns: [field], rowStart, rowEnd, compressors });
    for (const [i, row] of rows.entries()) {
      const text = textIn(row, field);
      if (text === null) {
        if (row[field] === null || row[field] === undefined) continue;
        throw new UserError(
          `row ${rowStart + i} of ${path} has no text in "${field}": name the column with the text with --text-field.`,
        );
      }
      yield { text, isLast: true };
    }
    rowStart = rowEnd;
  }
}

type RowOptions = Omit<Parameters<typeof parquetReadObjects>[0], 'file'>;

const readRows = (path: string, file: AsyncBuffer, options: RowOptions) =>
  orRefuse(path, () => parquetReadObjects({ file, ...options }));

async function orRefuse<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new UserError(
      `${path} cannot be read as Parquet (${error instanceof Error ? error.message : String(error)}): mend it, or leave it out.`,
    );
  }
}
