// The checkpoint files of a run's folder: written so that a crash at any moment leaves either the whole file or none, and
// read so that damage is refused. Node only. What the tensors mean, and when to write, is the coordinator's business.

import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import type { Disk, DiskFile } from '../disk/disk.ts';
import { codeOf } from '../disk/errors.ts';
import { replaceFile } from '../disk/files.ts';
import { nodeDisk } from '../disk/nodeDisk.ts';
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
  /** What its reading failed by; its `cause` is the disk's error where it was that. */
  readonly error?: UserError;
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
 * @throws UserError where the disk is full or the folder cannot be written, caused by the disk's error; a failure leaves no file
 */
export async function writeCheckpoint(
  dir: string,
  step: number,
  tensors: readonly CheckpointTensor[],
  metadata: Metadata = {},
  disk: Disk = nodeDisk,
): Promise<string> {
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`a step must be a whole number, not ${step}`);
  const file = join(dir, checkpointName(step));
  const sha256 = await hashData(tensors);
  const full = { ...metadata, step: String(step), sha256, headerSha256: NO_HASH };
  full.headerSha256 = sha256Hex(encodeHeader(tensors, full));
  try {
    await disk.makeFolder(dir);
    await replaceFile(disk, file, async (handle) => {
      await handle.write(encodeHeader(tensors, full));
      const written = createHash('sha256');
      for (const chunk of chunks(tensors)) {
        written.update(chunk);
        await handle.write(chunk);
      }
      if (written.digest('hex') !== sha256) throw new Error(`tensors changed while ${file} was being written`);
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    throw new UserError(
      `${file} cannot be written (${code}): free some space or choose a folder that can be written.`,
      { cause: error },
    );
  }
  return file;
}

/**
 * Reads a checkpoint and verifies its length and both hashes.
 *
 * @throws UserError that names the file, where it is missing, cut short, altered, or not a checkpoint
 */
export async function readCheckpoint(file: string, disk: Disk = nodeDisk): Promise<Checkpoint> {
  let handle: DiskFile;
  try {
    handle = await disk.open(file, 'read');
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    const size = await handle.size();
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
export async function hasCheckpoint(dir: string, disk: Disk = nodeDisk): Promise<boolean> {
  return (await checkpointSteps(dir, disk)).length > 0;
}

/** The steps of a folder's checkpoints, whole or not, ascending; none where the folder is missing. */
export async function checkpointSteps(dir: string, disk: Disk = nodeDisk): Promise<number[]> {
  return stepsOf(await listNames(dir, disk));
}

/** The newest whole checkpoint of a folder, if there is one, and the damaged newer ones that were passed over to find it. */
export interface CheckpointSearch {
  readonly found: Checkpoint | null;
  readonly damaged: readonly DamagedCheckpoint[];
}

/**
 * Looks for the newest whole checkpoint of a folder, of no later step than `upTo`. Temporary files are no checkpoints.
 *
 * @throws UserError where the folder cannot be read
 */
export async function searchCheckpoint(
  dir: string,
  disk: Disk = nodeDisk,
  upTo = Number.POSITIVE_INFINITY,
): Promise<CheckpointSearch> {
  const damaged: DamagedCheckpoint[] = [];
  for (const step of (await checkpointSteps(dir, disk)).toReversed()) {
    if (step > upTo) continue;
    const file = join(dir, checkpointName(step));
    try {
      const found = await readCheckpoint(file, disk);
      if (found.step === step) return { found, damaged };
      damaged.push({ file, reason: `${file} holds step ${found.step}: give it the name of that step.` });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      damaged.push({ file, reason: error.message, error });
    }
  }
  return { found: null, damaged };
}

/**
 * The newest whole checkpoint of a folder, as `searchCheckpoint` finds it.
 *
 * @throws UserError where the folder has no whole checkpoint
 */
export async function latestCheckpoint(
  dir: string,
  disk: Disk = nodeDisk,
): Promise<Checkpoint & { readonly damaged: readonly DamagedCheckpoint[] }> {
  const { found, damaged } = await searchCheckpoint(dir, disk);
  if (found !== null) return { ...found, damaged };
  const why = damaged.map(({ reason }) => reason).join(' ');
  throw new UserError(
    damaged.length === 0
      ? `${dir} has no checkpoint: give the folder of a run that has written one, or start without resuming.`
      : `${dir} has no whole checkpoint (${why}): restore one from a copy, or start without resuming.`,
  );
}

/**
 * Gives damaged checkpoints another name, so that nobody takes one for a checkpoint again once its step has been passed:
 * what could not be read once may be read another time. The folder is synced.
 */
export async function setAside(dir: string, damaged: readonly DamagedCheckpoint[], disk: Disk): Promise<void> {
  for (const { file } of damaged) await disk.rename(file, `${file}.damaged`);
  if (damaged.length > 0) await disk.syncFolder(dir);
}

/** Which checkpoints stay when old ones are deleted. */
export interface Keep {
  /** So many of the newest. */
  readonly last: number;
  /** Those whose step is a multiple of it; 0 or left out: none for that. */
  readonly every?: number;
  /** The newest of this step or an earlier one. */
  readonly clean?: number;
}

/**
 * Deletes checkpoints (by step) but those that `keep` says, and temporary files that a crash left. Only for the one
 * process that writes to the folder, and not while it writes.
 *
 * @param upTo the run's present step: files of later steps are left alone and not counted
 * @returns the deleted files
 */
export async function pruneCheckpoints(
  dir: string,
  keep: Keep,
  upTo = Number.POSITIVE_INFINITY,
  disk: Disk = nodeDisk,
): Promise<string[]> {
  const { last, every = 0, clean = -1 } = keep;
  if (!Number.isInteger(last) || last < 1) throw new RangeError(`keep.last must be at least 1, not ${last}`);
  const names = await listNames(dir, disk);
  const steps = stepsOf(names).filter((step) => step <= upTo);
  const kept = new Set([...steps.slice(-last), steps.findLast((step) => step <= clean)]);
  const old = steps.filter((step) => !kept.has(step) && !(every > 0 && step % every === 0));
  const leftovers = names.filter((name) => TEMPORARY.test(name));
  const files = [...old.map(checkpointName), ...leftovers].map((name) => join(dir, name));
  for (const file of files) await disk.remove(file);
  return files;
}

/** The names in a folder; none where it is missing. */
async function listNames(dir: string, disk: Disk): Promise<string[]> {
  try {
    return await disk.list(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new UserError(`${dir} cannot be read (${codeOf(error) ?? String(error)}): give the folder of a run.`, {
      cause: error,
    });
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
  let held = 0;
  for (const chunk of chunks(tensors)) {
    // Hashing holds the thread for some milliseconds a chunk; sockets and timers get their turn between two.
    if (held + chunk.length > CHUNK_BYTES) {
      await new Promise(setImmediate);
      held = 0;
    }
    hash.update(chunk);
    held += chunk.length;
  }
  return hash.digest('hex');
}

const sha256Hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function readFully<Bytes extends Uint8Array>(handle: DiskFile, into: Bytes, position: number): Promise<Bytes> {
  if ((await handle.read(into, position)) < into.length) throw new Error('the file became shorter while it was read');
  return into;
}

function unreadable(file: string, error: unknown): UserError {
  const code = codeOf(error);
  if (code === 'ENOENT') return new UserError(`${file} does not exist: give the path of a checkpoint.`);
  if (code === 'EISDIR') return new UserError(`${file} is a directory: give the path of a checkpoint.`);
  return new UserError(
    `${file} cannot be read (${code ?? String(error)}): check its permissions or use another copy.`,
    {
      cause: error,
    },
  );
}

const altered = (file: string) =>
  new UserError(`${file} is damaged, its contents do not have the hash it was written with: use another copy.`);

const notCheckpoint = (file: string) =>
  new UserError(`${file} is not a checkpoint of manygrad: give a file that "manygrad train" has written.`);
