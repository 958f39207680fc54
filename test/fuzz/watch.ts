/** Runs a fuzz in a thread of its own and watches over it: a piece that never ends, or ends the thread, is a failure too. */
import { Worker } from 'node:worker_threads';
import { Draws } from './draws.ts';
import type { Failure, Figures } from './loop.ts';
import type { Verdict } from './subject.ts';
import { subjectCalled } from './subjects.ts';
import type { FromThread, ThreadData } from './thread.ts';

interface FuzzOptions {
  readonly subject: string;
  readonly seed: number;
  /** Pieces (frames, files, texts) of mutated cases to give. */
  readonly pieces: number;
  /** Runs this case alone. */
  readonly only?: number;
  readonly onProgress?: (figures: Figures) => void;
  /** How long nothing may come of a piece, in seconds; 10 if left out. Pieces take microseconds. */
  readonly patience?: number;
  /** Of V8's heap in the thread, in MB; 512 if left out. What one piece may take is far below it. */
  readonly heap?: number;
  /** With `only`: told what came of each piece. */
  readonly onVerdict?: (piece: number, verdict: Verdict) => void;
}

export interface Report {
  readonly figures: Figures | null;
  readonly failure: Failure | null;
}

/** @throws UserError if there is no such subject */
export async function watchFuzz(options: FuzzOptions): Promise<Report> {
  const { subject, seed, pieces, only, patience = 10, heap = 512, onProgress, onVerdict } = options;
  await subjectCalled(subject);
  const beats = new Int32Array(new SharedArrayBuffer(12));
  const thread = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData: { subject, seed, pieces, only, beats } satisfies ThreadData,
    // Node gives a thread that is out of memory 16 MB more to end in: what is young must not be more than that when it grows old.
    resourceLimits: { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb: 4 },
  });
  const ended = new Promise((resolve) => thread.on('exit', resolve));
  let figures: Figures | null = null;
  const here = (reason: string): Failure => ({ seed, index: beats[0] >>> 0, piece: beats[1], reason });
  const { promise, resolve } = Promise.withResolvers<{ failure: Failure | null; isOver: boolean }>();
  const fails = (reason: string) => resolve({ failure: here(reason), isOver: false });
  thread.on('message', (message: FromThread) => {
    if (message.kind === 'progress') {
      figures = message.figures;
      onProgress?.(figures);
    } else if (message.kind === 'verdict') onVerdict?.(message.piece, message.verdict);
    else if (message.kind === 'end') resolve({ failure: message.failure, isOver: true });
    else message satisfies never;
  });
  thread.on('error', (error: unknown) =>
    fails(`ended the thread: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  );
  thread.on('exit', () => fails('ended the thread'));
  // From the first piece on. Looks are counted, not time: a machine that slept has not waited for anything.
  let [still, last] = [0, -1];
  const watchdog = setInterval(() => {
    still = beats[2] === last && last > 0 ? still + 1 : 0;
    last = beats[2];
    if (still === patience) fails(`nothing has come of it for ${patience} seconds`);
  }, 1000);
  const { failure, isOver } = await promise;
  clearInterval(watchdog);
  // A thread that is done puts its files away.
  if (isOver) await ended;
  else await thread.terminate();
  return { figures, failure };
}

/** What to read, and to run again, after a failure. */
export async function describeFailure({ seed, index, piece, reason }: Failure, subject: string): Promise<string> {
  const made = (await subjectCalled(subject)).make(new Draws(seed, index));
  const bytes = made.pieces[piece] ?? new Uint8Array(0);
  return [
    `case ${index} of seed ${seed}, piece ${piece} of ${made.pieces.length}: ${reason}`,
    `mutations: ${made.mutations.join(', ') || 'none'}`,
    `its ${bytes.length} bytes: ${hex(bytes)}`,
    `again: npm run fuzz -- --subject ${subject} --seed ${seed} --only ${index}`,
  ].join('\n');
}

/** A long piece is cut: it can be had again by its index. */
export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.subarray(0, 4096)).toString('hex') + (bytes.length > 4096 ? '...' : '');
