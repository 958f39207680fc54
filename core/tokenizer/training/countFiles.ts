/**
 * Counts the chunks of files in threads. The counts of the ranges are added up in the order of the ranges, whichever is ready first,
 * so that they are those of one thread: the same chunks in the same order. Node only.
 */
import { Piscina } from 'piscina';
import { UserError } from '../../errors.ts';
import { ChunkCounts } from '../chunkCounts.ts';
import { splitterOf } from '../patterns.ts';
import type { Counted, CountTask } from './countThread.ts';
import { type FileRange, fileRanges } from './fileRanges.ts';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './countThread.ts' : './countThread.js', import.meta.url).href;

export interface CountOptions {
  readonly pattern: string;
  readonly threads: number;
  /** Told of the bytes that are counted, and of how many there are. */
  readonly progress?: ((done: number, all: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Each file is a text that stands by itself. No more of them is in memory than a range a thread.
 * @throws UserError where a file cannot be read; the signal's reason when that comes
 */
export async function countFiles(files: readonly string[], options: CountOptions): Promise<ChunkCounts> {
  const { pattern, threads, progress, signal } = options;
  const splitter = splitterOf(pattern);
  const ranges = await fileRanges(files, splitter, threads);
  const all = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const counts = new ChunkCounts(splitter);
  progress?.(0, all);
  if (ranges.length === 0) return counts;
  const pool = new Piscina<CountTask, Counted>({
    filename: THREAD,
    maxThreads: Math.min(threads, ranges.length),
    minThreads: Math.min(threads, ranges.length),
    recordTiming: false,
  });
  // What is aborted is answered here, and by nobody else.
  pool.on('error', () => undefined);
  try {
    let done = 0;
    for await (const [range, counted] of inOrder(ranges, 2 * threads, (range) =>
      pool.run({ range, pattern }, { signal: signal ?? null }),
    )) {
      if ('mistake' in counted) throw new UserError(counted.mistake);
      counts.merge(counted.counts);
      done += range.to - range.from;
      progress?.(done, all);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    await pool.destroy();
  }
  return counts;
}

/** The answers of all ranges in their order; so many are asked for ahead, and none is kept. */
async function* inOrder<T>(
  ranges: readonly FileRange[],
  ahead: number,
  ask: (range: FileRange) => Promise<T>,
): AsyncGenerator<[FileRange, T]> {
  const waiting: [FileRange, Promise<T>][] = [];
  const pass = async (): Promise<[FileRange, T][]> => {
    const first = waiting.shift();
    return first === undefined ? [] : [[first[0], await first[1]]];
  };
  for (const range of ranges) {
    const answer = ask(range);
    // It may fail before it is waited for: that is told when its turn comes.
    answer.catch(() => undefined);
    waiting.push([range, answer]);
    if (waiting.length === ahead) yield* await pass();
  }
  while (waiting.length > 0) yield* await pass();
}
