/**
 * Counts the chunks of files in threads, of which the caller's is one: another takes a while to start. Each counts for itself; then what each met first in a range is added in the order of
 * the ranges, so that the counts are those of one thread: the same chunks in the same order. Node only.
 */
import { Piscina } from 'piscina';
import { UserError } from '../../errors.ts';
import { ChunkCounts } from '../splitting/chunkCounts.ts';
import { splitterOf } from '../splitting/patterns.ts';
import count, { type Answer, type Counted, type CountTask } from './countThread.ts';
import { fileRanges } from './fileRanges.ts';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './countThread.ts' : './countThread.js', import.meta.url).href;

/** How often it is looked how far the threads are. */
const LOOK_MS = 200;

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
  const next = new Int32Array(new SharedArrayBuffer(4));
  const done = new Int32Array(new SharedArrayBuffer(4 * ranges.length));
  const all = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const look = () =>
    progress?.(
      ranges.reduce((sum, { from, to }, i) => (Atomics.load(done, i) === 1 ? sum + to - from : sum), 0),
      all,
    );
  look();
  if (ranges.length === 0) return new ChunkCounts(splitter);
  const task = { pattern, ranges, next, done };
  // No range is taken any more.
  const stop = () => Atomics.store(next, 0, ranges.length);
  signal?.addEventListener('abort', stop);
  const looking = setInterval(look, LOOK_MS);
  const others = Math.min(threads, ranges.length) - 1;
  const pool = others === 0 ? null : startPool(others);
  try {
    const theirs = Array.from({ length: others }, () => pool?.run(task));
    const answers = await Promise.all([count(task), ...theirs]);
    signal?.throwIfAborted();
    look();
    return inOrder(new ChunkCounts(splitter), answers.flatMap((answer) => answer ?? []).map(checked), ranges.length);
  } finally {
    stop();
    signal?.removeEventListener('abort', stop);
    clearInterval(looking);
    await pool?.destroy();
  }
}

const startPool = (threads: number): Piscina<CountTask, Answer> =>
  new Piscina({
    filename: THREAD,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    recordTiming: false,
  });

function checked(answer: Answer): Counted {
  if ('mistake' in answer) throw new UserError(answer.mistake);
  return answer;
}

/** Range by range, the chunks that the thread which counted it had not met before: it is told how often each is in all of its ranges. */
function inOrder(counts: ChunkCounts, threads: readonly Counted[], ranges: number): ChunkCounts {
  const at = threads.map(() => 0);
  for (let range = 0; range < ranges; range++) {
    const t = threads.findIndex(({ taken }, i) => taken[at[i] ?? 0] === range);
    const thread = threads[t];
    if (thread === undefined) throw new Error(`range ${range} was counted by no thread`);
    const i = at[t] ?? 0;
    counts.merge(thread.counts, thread.before[i], thread.before[i + 1] ?? thread.counts.counts.length);
    at[t] = i + 1;
  }
  return counts;
}
