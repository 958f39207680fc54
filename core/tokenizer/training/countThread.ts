/** What runs in a thread that counts: reads a range of a file, and counts its chunks. Node only. */
import { UserError } from '../../errors.ts';
import { ChunkCounts, type ExportedCounts } from '../chunkCounts.ts';
import { splitterOf } from '../patterns.ts';
import { toText } from '../utf8.ts';
import { type FileRange, readRange } from './fileRanges.ts';

export interface CountTask {
  readonly range: FileRange;
  readonly pattern: string;
}

/** A user's mistake comes back as its sentence: an error's class does not survive the way between threads. */
export type Counted = { readonly counts: ExportedCounts } | { readonly mistake: string };

export default async function count({ range, pattern }: CountTask): Promise<Counted> {
  const counts = new ChunkCounts(splitterOf(pattern));
  try {
    counts.add(toText(await readRange(range)));
  } catch (error) {
    if (error instanceof UserError) return { mistake: error.message };
    throw error;
  }
  return { counts: counts.exported() };
}
