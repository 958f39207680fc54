// The checkpoint files of a run's folder: written so that a crash at any moment leaves either the whole file or none, and
// read so that damage is refused. Node only. What the tensors mean, and when to write, is the coordinator's business.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import {
  allocate,
  bytesOf,
  decodeHeader,
  encodeHeader,
  headerLength,
  type Metadata,
  type NamedTensor,
} from './safetensors.ts';

export type CheckpointTensor = NamedTensor<Float32Array>;

/** A checkpoint as read. The metadata holds what the writer gave, and `step`, `sha256` and `headerSha256`. */
export interface Checkpoint {
  readonly file: string;
  readonly step: number;
  readonly tensors: CheckpointTensor[];
  readonly metadata: Metadata;
}

/** A file that was passed over, and why, in a sentence. */
export interface DamagedCheckpoint {
  readonly file: string;
  readonly reason: string;
}

const PATTERN = /^checkpoint-(0|[1-9]\d{0,15})\.safetensors$/;
const TEMPORARY = /^checkpoint-\d+\.safetensors\.tmp$/;
const CHUNK_BYTES = 8 * 1024 * 1024;
const NO_HASH = '0'.repeat(64);

/** The file name of a step's checkpoint: no zero padding, so that it reads as the step does elsewhere. */
export const checkpointName = (step: number): string => `checkpoint-${step}.safetensors`;

/**
 * Writes `checkpoint-<step>.safetensors` to a folder, which is made if need be: to a temporary name, flushed to the disk,
 * then renamed. An older file of that step is replaced. The tensors are written one by one and must not change
 * until the promise resolves.
 *
 * Two hashes go into the metadata: `sha256` of the data section, and `headerSha256` of the header, its padding
 * included, as it is with 64 zeros in that hash's place.
 *
 * @returns the path of the file
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function writeCheckpoint(
  dir: string,
  step: number,
  tensors: readonly CheckpointTensor[],
  metadata: Metadata = {},
): Promise<string> {
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`a step must be a whole number, not ${step}`);
  const file = join(dir, checkpointName(step));
  const temporary = `${file}.tmp`;
  const sha256 = await hashData(tensors);
  const full = { ...metadata, step: String(step), sha256, headerSha256: NO_HASH };
  full.headerSha256 = sha256Hex(encodeHeader(tensors, full));
  try {
    await mkdir(dir, { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await writeFully(handle, encodeHeader(tensors, full));
      const written = createHash('sha256');
      for (const chunk of chunks(tensors)) {
        written.update(chunk);
        await writeFully(handle, chunk);
      }
      if (written.digest('hex') !== sha256) throw new Error(`tensors changed while ${file} was being written`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(dir);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new UserError(`${file} cannot be written (${code}): free some space or choose a folder that can be written.`);
  }
  return file;
}

/**
 * Reads a checkpoint and verifies its length and both hashes.
 *
 * @throws UserError that names the file, where it is missing, cut short, altered, or not a checkpoint
 */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    const { size } = await handle.stat();
    const prefix = await readFully(handle, new Uint8Array(Math.min(8, size)), 0);
    const head = await readFully(handle, new Uint8Array(8 + headerLength(prefix, size, file)), 0);
    const { entries, metadata, dataStart } = decodeHeader(head, size, file);
    const { step, sha256 } = verifyHeader(head, metadata, file);

    const hash = createHash('sha256');
    const tensors: CheckpointTensor[] = [];
    for (const entry of entries) {
      const data = allocate(entry);
      if (!(data instanceof Float32Array)) throw notCheckpoint(file);
      const bytes = bytesOf(data);
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const chunk = bytes.subarray(at, at + CHUNK_BYTES);
        hash.update(await readFully(handle, chunk, dataStart + entry.begin + at));
      }
      tensors.push({ name: entry.name, shape: entry.shape, data });
    }
    if (hash.digest('hex') !== sha256) throw altered(file);
    return { file, step, tensors, metadata };
  } catch (error) {
    throw error instanceof UserError ? error : unreadable(file, error);
  } finally {
    await handle.close();
  }
}

/** Whether the folder has a checkpoint, whole or not. */
export async function hasCheckpoint(dir: string): Promise<boolean> {
  return stepsOf(await listNames(dir)).length > 0;
}

/**
 * The newest whole checkpoint of a folder, and the damaged newer ones that were passed over to find it. Temporary files
 * are no checkpoints.
 *
 * @throws UserError where the folder has no whole checkpoint
 */
export async function latestCheckpoint(dir: string): Promise<Checkpoint & { readonly damaged: DamagedCheckpoint[] }> {
  const damaged: DamagedCheckpoint[] = [];
  for (const step of stepsOf(await listNames(dir)).toReversed()) {
    const file = join(dir, checkpointName(step));
    try {
      const checkpoint = await readCheckpoint(file);
      if (checkpoint.step === step) return { ...checkpoint, damaged };
      damaged.push({ file, reason: `${file} holds step ${checkpoint.step}: give it the name of that step.` });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      damaged.push({ file, reason: error.message });
    }
  }
  const why = damaged.map(({ reason }) => reason).join(' ');
  throw new UserError(
    damaged.length === 0
      ? `${dir} has no checkpoint: give the folder of a run that has written one, or start without resuming.`
      : `${dir} has no whole checkpoint (${why}): restore one from a copy, or start without resuming.`,
  );
}

/**
 * Deletes all but the `keepLast` newest checkpoints (by step), and temporary files that a crash left. Only for the one
 * process that writes to the folder, and not while it writes.
 *
 * @param upTo the run's present step: files of later steps are left alone and not counted, since after a resume they are
 *   what was passed over as damaged
 * @returns the deleted files
 */
export async function pruneCheckpoints(dir: string, keepLast: number, upTo = Infinity): Promise<string[]> {
  if (!Number.isInteger(keepLast) || keepLast < 1) throw new RangeError(`keepLast must be at least 1, not ${keepLast}`);
  const names = await listNames(dir);
  const steps = stepsOf(names).filter((step) => step <= upTo);
  const leftovers = names.filter((name) => TEMPORARY.test(name));
  const files = [...steps.slice(0, -keepLast).map(checkpointName), ...leftovers].map((name) => join(dir, name));
  for (const file of files) await rm(file, { force: true });
  return files;
}

/** The names in a folder; none where it is missing. */
async function listNames(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new UserError(`${dir} cannot be read (${errorCode(error) ?? String(error)}): give the folder of a run.`);
  }
}

/** The steps that the names in a folder are checkpoints of, ascending. */
function stepsOf(names: readonly string[]): number[] {
  return names.flatMap((name) => PATTERN.exec(name)?.slice(1).map(Number) ?? []).sort((a, b) => a - b);
}

const headerSchema = z.object({
  step: z.string().regex(/^\d+$/).transform(Number).pipe(z.int().nonnegative()),
  sha256: z.string(),
  headerSha256: z.string().length(64),
});

function verifyHeader(head: Uint8Array, metadata: Metadata, file: string): { step: number; sha256: string } {
  const parsed = headerSchema.safeParse(metadata);
  if (!parsed.success) throw notCheckpoint(file);
  const { headerSha256 } = parsed.data;
  const zeroed = Buffer.from(head);
  const at = zeroed.indexOf(headerSha256);
  if (at >= 0) zeroed.write(NO_HASH, at, 'latin1');
  if (sha256Hex(zeroed) !== headerSha256) throw altered(file);
  return parsed.data;
}

function* chunks(tensors: readonly CheckpointTensor[]): Generator<Uint8Array> {
  for (const { data } of tensors) {
    const bytes = bytesOf(data);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

async function hashData(tensors: readonly CheckpointTensor[]): Promise<string> {
  const hash: Hash = createHash('sha256');
  for (const chunk of chunks(tensors)) {
    hash.update(chunk);
    // Hashing holds the thread for some milliseconds a chunk; sockets and timers get their turn between two.
    await new Promise(setImmediate);
  }
  return hash.digest('hex');
}

const sha256Hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}

async function readFully<Bytes extends Uint8Array>(handle: FileHandle, into: Bytes, position: number): Promise<Bytes> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await handle.read(into, at, into.length - at, position + at);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    at += bytesRead;
  }
  return into;
}

/** A rename is on the disk once its folder is. Windows has no such call and needs none. */
async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function errorCode(error: unknown): string | undefined {
  const { success, data } = z.object({ code: z.string() }).safeParse(error);
  return success ? data.code : undefined;
}

function unreadable(file: string, error: unknown): UserError {
  const code = errorCode(error);
  if (code === 'ENOENT') return new UserError(`${file} does not exist: give the path of a checkpoint.`);
  if (code === 'EISDIR') return new UserError(`${file} is a directory: give the path of a checkpoint.`);
  return new UserError(`${file} cannot be read (${code ?? String(error)}): check its permissions or use another copy.`);
}

const altered = (file: string) =>
  new UserError(`${file} is damaged, its contents do not have the hash it was written with: use another copy.`);

const notCheckpoint = (file: string) =>
  new UserError(`${file} is not a checkpoint of manygrad: give a file that "manygrad train" has written.`);
