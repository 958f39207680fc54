/**
 * What runs in a thread that counts: takes range after range, as long as there are any, and counts their chunks. Where it first met
 * which is told with the counts, so that those of several threads can be put in order. Node only.
 */

import { UserError } from '../../errors.ts';
import { ChunkCounts, type ExportedCounts } from '../splitting/chunkCounts.ts';
import { splitterOf } from '../splitting/patterns.ts';
import { toText } from '../utf8.ts';
import { type FileRange, readRange } from './range.ts';

export interface CountTask {
  readonly pattern: string;
  readonly ranges: readonly FileRange[];
  /** The next range to be taken, by whichever thread. */
  readonly next: Int32Array;
  /** Of each range, whether it is counted. */
  readonly done: Int32Array;
}

export interface Counted {
  readonly counts: ExportedCounts;
  /** The ranges that were taken, ascending. */
  readonly taken: readonly number[];
  /** How many of the chunks were met before each of them. */
  readonly before: readonly number[];
}

/** A user's mistake comes back as its sentence: an error's class does not survive the way between threads. */
export type Answer = Counted | { readonly mistake: string };

/** Between ranges, while one is read, the thread does what else it has to do. */
export default async function count({ pattern, ranges, next, done }: CountTask): Promise<Answer> {
  const counts = new ChunkCounts(splitterOf(pattern));
  const taken: number[] = [];
  const before: number[] = [];
  try {
    for (;;) {
      const i = Atomics.add(next, 0, 1);
      const range = ranges[i];
      if (range === undefined) break;
      taken.push(i);
      before.push(counts.size);
      counts.add(toText(await readRange(range)));
      Atomics.store(done, i, 1);
    }
  } catch (error) {
    if (error instanceof UserError) return { mistake: error.message };
    throw error;
  }
  return { counts: counts.exported(), taken, before };
}
