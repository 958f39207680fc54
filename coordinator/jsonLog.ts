/**
 * A file of JSON lines, each about a step, that is only added to: buffered, written when told to, and never left with a
 * torn line in it by a disk that is full. What the lines say is their writers' business, when to write runFolder.ts's.
 */
import { dirname } from 'node:path';
import * as z from 'zod';
import type { Disk, DiskFile } from '../core/disk/disk.ts';
import { linesOf, replaceFile } from '../core/disk/files.ts';
import { parseJson } from '../core/json.ts';
import { cannotWrite } from './diskTrouble.ts';

/** What has been written is made safe when there is more of it, so that no more than this is held in memory for long. */
const MAX_UNSAFE_BYTES = 1 << 20;

interface HeldLine {
  readonly step: number;
  /** With its newline. */
  readonly bytes: Uint8Array;
}

export class JsonLog {
  readonly #disk: Disk;
  readonly #file: string;
  #handle: DiskFile | null = null;
  /** The length up to which the file is safe from a crash. */
  #safe = 0;
  /** The lines that come after that, in memory until they are safe too; the first `#written` of them are in the file. */
  #held: HeldLine[] = [];
  #written = 0;
  /** Whether the file may end otherwise than by those: a write failed, or is under way. */
  #torn = false;

  constructor(disk: Disk, file: string) {
    this.#disk = disk;
    this.#file = file;
  }

  /** Adds a line to what is to be written. */
  push(line: { readonly step: number }): void {
    this.#held.push({ step: line.step, bytes: Buffer.from(`${JSON.stringify(line)}\n`) });
  }

  /**
   * Writes what has been pushed, from where the last flush ended, or from where the file is safe if that failed. The file is
   * made with its first line.
   * @param safely whether to wait until it is safe from a crash
   * @throws UserError caused by the disk's error, after which every line is still held, and may be flushed again
   */
  async flush(safely: boolean): Promise<void> {
    if (this.#held.length === 0) return;
    try {
      const handle = await this.#open();
      // From here on until all is well, what the file holds beyond its safe length is not known.
      const wasTorn = this.#torn;
      this.#torn = true;
      if (wasTorn) {
        await shorten(handle, this.#safe);
        this.#written = 0;
      }
      const count = this.#held.length;
      const bytes = Buffer.concat(this.#held.slice(this.#written, count).map((line) => line.bytes));
      if (bytes.length > 0) await handle.write(bytes);
      this.#written = count;
      const unsafe = this.#held.slice(0, count).reduce((sum, line) => sum + line.bytes.length, 0);
      // A sync that fails may have lost what was written: then, too, it is written again.
      if (safely || unsafe > MAX_UNSAFE_BYTES) {
        await handle.sync();
        this.#held.splice(0, count);
        this.#written = 0;
        this.#safe += unsafe;
      }
      this.#torn = false;
    } catch (error) {
      // The next attempt opens the file anew: a handle may be past help.
      await this.#close().catch(() => undefined);
      throw cannotWrite(this.#file, error);
    }
  }

  /** Drops the lines of later steps than `step`, in memory and in the file. @throws UserError as `flush` */
  async cut(step: number): Promise<void> {
    this.#dropAfter(step);
    this.#written = 0;
    // What of the held lines is in the file, and what may have been torn, lies beyond what is safe: it is written again.
    if (this.#handle !== null || this.#torn) {
      this.#torn = true;
      try {
        await shorten(await this.#open(), this.#safe);
        await this.#close();
        this.#torn = false;
      } catch (error) {
        throw cannotWrite(this.#file, error);
      }
    }
    await cutLines(this.#disk, this.#file, (line) => line.step <= step);
    // What has been pushed meanwhile may be of those steps, too.
    this.#dropAfter(step);
  }

  #dropAfter(step: number): void {
    this.#held = this.#held.filter((line) => line.step <= step);
  }

  /** Lets the file go, as it is. */
  async close(): Promise<void> {
    // What has been flushed safely needs nothing of it.
    await this.#close().catch(() => undefined);
  }

  async #open(): Promise<DiskFile> {
    if (this.#handle !== null) return this.#handle;
    const handle = await this.#disk.open(this.#file, 'append');
    try {
      const size = await handle.size();
      // A file that has just been made is to be found after a crash.
      if (size === 0) await this.#disk.syncFolder(dirname(this.#file));
      if (!this.#torn) this.#safe = size;
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
    this.#handle = handle;
    return handle;
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }
}

/** Cuts a file off after so many bytes. @throws Error if it has fewer */
async function shorten(handle: DiskFile, size: number): Promise<void> {
  const now = await handle.size();
  if (now < size) throw new Error(`it has ${now} bytes where ${size} had been written: something else has cut it`);
  if (now > size) await handle.truncate(size);
}

/** What is asked of a line to be kept. */
const lineSchema = z.looseObject({ step: z.number() });
export type AnyLine = z.infer<typeof lineSchema>;

/**
 * Cuts off the lines of a file from the first that `keep` does not want, and what is no line: torn by a crash, or garbage.
 * Should a line that is wanted come after one that is not, the file is replaced by one of those that are. In either case
 * it is safe from a crash when this resolves, and if it fails or crashes the file is as it was.
 * @throws UserError caused by the disk's error
 */
export async function cutLines(disk: Disk, file: string, keep: (line: AnyLine) => boolean): Promise<void> {
  const isWanted = (text: string): boolean => {
    const line = lineSchema.safeParse(parseJson(text));
    return line.success && keep(line.data);
  };
  try {
    let end = 0;
    let isPrefix = true;
    let isCut = false;
    for await (const line of linesOf(disk, file)) {
      if (!isWanted(line.text)) isCut = true;
      else if (isCut || !line.isWhole) isPrefix = false;
      else end = line.end;
    }
    if (!isPrefix)
      return await replaceFile(disk, file, async (handle) => {
        for await (const { text } of linesOf(disk, file))
          if (isWanted(text)) await handle.write(Buffer.from(`${text}\n`));
      });
    if (!isCut) return;
    const handle = await disk.open(file, 'append');
    try {
      await handle.truncate(end);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw cannotWrite(file, error);
  }
}
