/** Writes one shard after the other: under a temporary name, synced, then renamed, so that a file that has its name is whole. Node only. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryOf } from '../../disk/files.ts';
import { nodeDisk } from '../../disk/nodeDisk.ts';
import { type Shard, type ShardHeader, writeHeader } from './format.ts';

/** SHA-256 of a file, in hex. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

export class ShardWriter {
  readonly #dir: string;
  readonly #file: string;
  readonly #header: ShardHeader;
  readonly #handle: FileHandle;
  readonly #hash: Hash;
  #tokens = 0;

  private constructor(dir: string, file: string, header: ShardHeader, handle: FileHandle) {
    this.#dir = dir;
    this.#file = file;
    this.#header = header;
    this.#handle = handle;
    this.#hash = createHash('sha256');
  }

  /** @param header of a full shard */
  static async begin(dir: string, file: string, header: ShardHeader): Promise<ShardWriter> {
    const writer = new ShardWriter(dir, file, header, await open(temporaryOf(join(dir, file)), 'w'));
    await writer.#write(writeHeader(header));
    return writer;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** How many ids it has room for. */
  get room(): number {
    return this.#header.tokens - this.#tokens;
  }

  /** Adds ids, no more than there is room for. */
  async add(ids: Uint16Array | Uint32Array): Promise<void> {
    this.#tokens += ids.length;
    // As they are in memory: every processor that Node runs on today, s390x aside, is little-endian.
    await this.#write(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
  }

  /** Makes it a shard, or leaves nothing behind. One that is not full, the last, says so in its header. */
  async end(): Promise<Shard> {
    try {
      return await this.#rename();
    } catch (error) {
      await this.drop();
      throw error;
    }
  }

  async #rename(): Promise<Shard> {
    const temporary = temporaryOf(join(this.#dir, this.#file));
    const isFull = this.room === 0;
    if (!isFull) await this.#handle.write(writeHeader({ ...this.#header, tokens: this.#tokens }), 0, undefined, 0);
    await this.#handle.sync();
    await this.#handle.close();
    const sha256 = isFull ? this.#hash.digest('hex') : await hashFile(temporary);
    await rename(temporary, join(this.#dir, this.#file));
    await nodeDisk.syncFolder(this.#dir);
    return { file: this.#file, tokens: this.#tokens, sha256 };
  }

  /** Leaves nothing behind. */
  async drop(): Promise<void> {
    await this.#handle.close();
    await nodeDisk.remove(temporaryOf(join(this.#dir, this.#file)));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten;
  }
}
