/** Trains a byte-pair tokenizer on files: counts in threads, then learns, to the merges of one thread and the whole text. Node only. */
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../../errors.ts';
import { BasicTokenizer } from '../basic.ts';
import { MergeLearner } from '../merging/learnMerges.ts';
import type { Pair } from '../merging/pairs.ts';
import { RegexTokenizer } from '../regex.ts';
import { toBytes, toText } from '../utf8.ts';
import { countFiles } from './countFiles.ts';
import { fileRange, LARGEST } from './fileRanges.ts';
import { readRange } from './range.ts';

export interface TrainingOptions {
  /** Null trains on each file as one chunk, the lecture's basic tokenizer. */
  readonly pattern: string | null;
  /** The ids that there shall be: 256 bytes, the merges, the special tokens. */
  readonly vocabSize: number;
  /** They get the last ids, in this order. A text in which one stands is learned from as any other. */
  readonly special: readonly string[];
  readonly threads: number;
  readonly watch?: TrainingWatch | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TrainingWatch {
  /** Bytes read and counted, of how many. */
  readonly onRead?: (done: number, all: number) => void;
  /** Everything is counted: so many different chunks. */
  readonly onCounted?: (chunks: number) => void;
  /** The merges that are made, of at most how many; what the last one is, and how often it stood. */
  readonly onMerge?: (done: number, all: number, pair: Pair, count: number) => void;
}

/** How long it is learned before anything else, such as Ctrl-C, has its turn. */
const SLICE_MS = 50;

/** @throws UserError where a file cannot be read or a number is none; the signal's reason when that comes */
export async function trainFiles(
  files: readonly string[],
  options: TrainingOptions,
): Promise<BasicTokenizer | RegexTokenizer> {
  const { pattern, vocabSize, special, threads, watch, signal } = options;
  const count = vocabSize - 256 - special.length;
  if (new Set(special).size < special.length || special.includes(''))
    throw new UserError('a special token was given twice, or is empty: give each once.');
  if (count < 0)
    throw new UserError(
      `a vocabulary of ${vocabSize} has no room for 256 bytes${special.length > 0 ? ` and ${special.length} special tokens` : ''}: make it at least ${256 + special.length}.`,
    );
  let chunks: Iterable<readonly [Uint8Array, number]>;
  if (pattern === null) {
    const whole = await wholeFiles(files, watch, signal);
    watch?.onCounted?.(whole.length);
    chunks = whole.map((bytes) => [bytes, 1] as const);
  } else {
    const counts = await countFiles(files, { pattern, threads, progress: watch?.onRead, signal });
    watch?.onCounted?.(counts.size);
    chunks = counts.entries();
  }
  const merges = await learn(new MergeLearner(chunks, count), count, watch, signal);
  const ids = new Map(special.map((text, i) => [text, 256 + merges.length + i]));
  return pattern === null ? new BasicTokenizer(merges, ids) : new RegexTokenizer(pattern, { merges }, ids);
}

async function learn(
  learner: MergeLearner,
  count: number,
  watch: TrainingWatch | undefined,
  signal: AbortSignal | undefined,
): Promise<Pair[]> {
  const merges: Pair[] = [];
  let rested = performance.now();
  while (merges.length < count) {
    const found = learner.next();
    if (found === null) break;
    merges.push(found.pair);
    watch?.onMerge?.(merges.length, count, found.pair, found.count);
    if (performance.now() - rested < SLICE_MS) continue;
    await setImmediate();
    signal?.throwIfAborted();
    rested = performance.now();
  }
  return merges;
}

/** What no pattern cuts is in memory whole. @throws UserError where that is too much, or cannot be read */
async function wholeFiles(
  files: readonly string[],
  watch: TrainingWatch | undefined,
  signal: AbortSignal | undefined,
): Promise<Uint8Array[]> {
  const ranges = await Promise.all(files.map(fileRange));
  const all = ranges.reduce((sum, { to }) => sum + to, 0);
  if (all > LARGEST)
    throw new UserError(
      `without a pattern all of the text is in memory many times over, and ${(all / 2 ** 20).toFixed(0)} MiB are more than the ${LARGEST / 2 ** 20} that are allowed: take less of it, or --kind regex.`,
    );
  const whole: Uint8Array[] = [];
  let done = 0;
  for (const range of ranges) {
    // By way of its text, so that what is no UTF-8 is U+FFFD here as it is everywhere.
    const bytes = toBytes(toText(await readRange(range)));
    signal?.throwIfAborted();
    whole.push(bytes);
    done += bytes.length;
    watch?.onRead?.(done, all);
  }
  return whole;
}
