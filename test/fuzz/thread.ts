/** The thread that a fuzz runs in: it may run out of memory or hang, and watch.ts outlives it. */
import './allocation.ts'; // before the code under test, which then finds constructors that count
import { parentPort, workerData } from 'node:worker_threads';
import type { Failure, Figures } from './loop.ts';
import type { Verdict } from './subject.ts';

/** What it tells. */
export type FromThread =
  | { readonly kind: 'progress'; readonly figures: Figures }
  | { readonly kind: 'verdict'; readonly piece: number; readonly verdict: Verdict }
  | { readonly kind: 'end'; readonly failure: Failure | null };

export interface ThreadData {
  readonly subject: string;
  readonly seed: number;
  readonly pieces: number;
  readonly only: number | undefined;
  /** Shared: the case and the piece under way, and a number that changes with each. */
  readonly beats: Int32Array;
}

const { subject, seed, pieces, only, beats } = workerData as ThreadData;
const { fuzz } = await import('./loop.ts');
const { subjectCalled } = await import('./subjects.ts');
const tell = (message: FromThread) => parentPort?.postMessage(message);
const failure = await fuzz(await subjectCalled(subject), {
  seed,
  pieces,
  ...(only === undefined ? {} : { only }),
  beat(index, piece) {
    Atomics.store(beats, 0, index);
    Atomics.store(beats, 1, piece);
    Atomics.add(beats, 2, 1);
  },
  progress: (figures) => tell({ kind: 'progress', figures }),
  tell(piece, verdict) {
    if (only !== undefined) tell({ kind: 'verdict', piece, verdict });
  },
});
tell({ kind: 'end', failure });
