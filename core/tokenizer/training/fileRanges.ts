/**
 * Cuts text files into ranges of bytes that are counted apart, in threads, to the same chunks as the whole. A range ends where a chunk
 * ends whatever follows it. Which pieces of work there are is all that it decides. Node only.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '../../disk/errors.ts';
import { UserError } from '../../errors.ts';
import { gpt2Splitter } from '../splitting/gpt2Splitter.ts';
import { gpt4Splitter } from '../splitting/gpt4Splitter.ts';
import { endsWord } from '../splitting/patterns.ts';
import type { Splitter } from '../splitting/splitter.ts';
import { toText } from '../utf8.ts';
import type { FileRange } from './range.ts';

/** So much of a file is in memory at once, and no more. Beyond it a string could not hold the text either. */
export const LARGEST = 2 ** 28;
/** A range is sought to be no longer than this, and no shorter than that, in bytes. */
const MOST = 2 ** 23;
const LEAST = 2 ** 18;
/** Ranges a thread, so that the threads end at about the same time. */
const SHARE = 16;
/** What is read to find a place to cut. */
const WINDOW = 2 ** 14;

/**
 * Whether a text may be cut for these chunks at the end of a word or number (`cutIn`). Both patterns end a chunk there whatever comes
 * then. At a line's end, GPT-2's does not: of "\n\n", it takes both where the text ends, and the first alone where it goes on.
 */
const endsAtWords = (splitter: Splitter): boolean => splitter === gpt2Splitter || splitter === gpt4Splitter;

/**
 * The first place in some bytes where a word or number ends, as `endsWord` has it. It is the end of a character, so that the bytes on
 * either side are decoded as the whole is.
 * @returns -1 if there is none
 */
export function cutIn(bytes: Uint8Array): number {
  let before = '';
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOf(bytes[at] ?? 0);
    if (at + length > bytes.length) return -1;
    const character = toText(bytes.subarray(at, at + length));
    // What is not one whole character tells nothing of the next; its bytes are looked at one by one.
    const isWhole = [...character].length === 1 && character !== '\ufffd';
    if (isWhole && endsWord(before, character)) return at;
    before = isWhole ? character : '';
    at += isWhole ? length : 1;
  }
  return -1;
}

/** Of the character that begins with a byte; 1 where none does. */
const lengthOf = (byte: number): number => (byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4);

/** The ranges of files, in their order; an empty file has none. @throws UserError where a file cannot be read or cut */
export async function fileRanges(files: readonly string[], splitter: Splitter, threads: number): Promise<FileRange[]> {
  const sizes = await Promise.all(files.map(sizeOf));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const goal = Math.min(MOST, Math.max(LEAST, Math.ceil(all / (SHARE * threads))));
  const ranges: FileRange[] = [];
  for (const [i, file] of files.entries()) {
    const size = sizes[i] ?? 0;
    if (endsAtWords(splitter)) ranges.push(...(await cutFile(file, size, goal)));
    else if (size > LARGEST) throw tooLarge(file, size, 'a pattern other than gpt2 and gpt4 is matched on whole files');
    else if (size > 0) ranges.push({ file, from: 0, to: size });
  }
  return ranges;
}

async function cutFile(file: string, size: number, goal: number): Promise<FileRange[]> {
  const ranges: FileRange[] = [];
  const handle = await open(file);
  try {
    for (let from = 0; from < size; ) {
      const to = from + goal < size ? await cutAfter(handle, from + goal, size) : size;
      if (to - from > LARGEST) throw tooLarge(file, to - from, 'there is no end of a word in a part of it');
      ranges.push({ file, from, to });
      from = to;
    }
  } finally {
    await handle.close();
  }
  return ranges;
}

/** The first place from `from` on where the file may be cut; its end if there is none. */
async function cutAfter(handle: FileHandle, from: number, size: number): Promise<number> {
  const window = new Uint8Array(WINDOW);
  // Windows overlap, so that a character or two at the end of one are seen whole in the next.
  for (let at = from; at < size; at += WINDOW - 8) {
    const { bytesRead } = await handle.read(window, 0, WINDOW, at);
    const cut = cutIn(window.subarray(0, bytesRead));
    if (cut >= 0) return at + cut;
    if (bytesRead < WINDOW) break;
  }
  return size;
}

/** All of a file. @throws UserError where it is none that can be read */
export const fileRange = async (file: string): Promise<FileRange> => ({ file, from: 0, to: await sizeOf(file) });

/** In bytes. @throws UserError where it is no file that can be read */
async function sizeOf(file: string): Promise<number> {
  try {
    const handle = await open(file);
    try {
      const stats = await handle.stat();
      if (stats.isFile()) return stats.size;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new UserError(`${file} cannot be read (${codeOf(error) ?? String(error)}): give the path of a text file.`);
  }
  throw new UserError(`${file} is no file: give the paths of text files.`);
}

const tooLarge = (file: string, size: number, why: string): UserError =>
  new UserError(
    `${file} has ${(size / 2 ** 20).toFixed(0)} MiB to be read at once, since ${why}, and ${LARGEST / 2 ** 20} MiB is the most: cut it into several files.`,
  );
