/**
 * What passes between a coordinator and a worker, as plain values: the parameters, a lease of micro-batches, its result.
 *
 * A worker thread, a remote process and a tab are all a `WorkerPort` to the coordinator. How the values cross a wire is in
 * messages.ts and frames.ts.
 */
import type { LayerRecord } from './diagnostics.ts';

/** Parameters (trained) and buffers (running statistics), as they stand before step `version`. */
export interface State {
  readonly version: number;
  /** How often the coordinator has gone back to an earlier step: what it then has of a version need not be what it had. */
  readonly epoch?: number;
  readonly params: Float32Array;
  readonly buffers: Float32Array;
}

/** What a lease is for: a step, an evaluation, or a look at what the layers do in a step (diagnose). */
export type Mode = 'train' | 'eval' | 'diagnose';

/** A lease: micro-batches [lo, lo + counts.length) of a round, an aligned run of `size`, cut off at the round's end. */
export interface Work {
  readonly round: number;
  readonly mode: Mode;
  /** The state to compute with. */
  readonly version: number;
  /** The run's: what dropout draws follows from (seed, version, micro-batch). */
  readonly seed: number;
  readonly lo: number;
  readonly size: number;
  /** Examples of each micro-batch. */
  readonly counts: readonly number[];
  /** The examples' inputs and targets, one after the other: every example has as many as the next. */
  readonly x: Uint16Array;
  readonly y: Uint16Array;
}

/** Sums, never means: the coordinator divides once, by the count of the whole step. */
export interface Result {
  readonly round: number;
  readonly lo: number;
  readonly size: number;
  /** Of each micro-batch: the sum of the losses of its examples' targets, and how many targets that is. */
  readonly losses: readonly number[];
  readonly counts: readonly number[];
  /** The gradient summed over the lease in the all-reduce's tree; empty but in training. Valid until the next lease. */
  readonly gradient: Float32Array;
  /** A row of batch-norm statistics for each micro-batch (nn/runningStatistics.ts); empty but in training. */
  readonly statistics: Float32Array;
  /** What the layers did; left out but where that was asked for. */
  readonly layers?: readonly LayerRecord[];
}

export type WorkerKind = 'threads' | 'remote' | 'tab';

/**
 * Why a worker is sent away: it sent what it should not have; what it sent was found to be made up; whoever runs the
 * coordinator does not want it; or it is no fault of its own. The first two may come back later, the third not.
 */
export type CloseCause = 'misbehaved' | 'lied' | 'dismissed' | 'goingAway';

/** A worker, as the coordinator holds it. Calls do not throw: a worker that fails tells `left` of its events. */
export interface WorkerPort {
  readonly kind: WorkerKind;
  readonly name: string;
  /** The name of the worker's own token; null where it brought none. */
  readonly identity: string | null;
  /** Whether its work needs no checking: it is our own threads, or known to whoever runs this. */
  readonly trusted: boolean;
  /** How many leases it computes at a time. */
  readonly slots: number;
  /** The state is only read, and before this returns. */
  sendState(state: State): void;
  sendWork(work: Work): void;
  /** Sends it away. @param reason a sentence for its owner */
  close(reason: string, cause: CloseCause): void;
  /** What has passed between them, in bytes as the coordinator sent and received them; left out by threads. */
  traffic?(): Traffic;
}

export interface Traffic {
  readonly sent: number;
  readonly received: number;
  /** The last ping's way there and back; null before the first. */
  readonly latencyMs: number | null;
}

/** What a port sends a worker away for: it broke the protocol, or its token counts no more. */
export type Fault = 'malformed' | 'token';

/** What a port tells the coordinator. The result is read before `result` returns. */
export interface WorkerEvents {
  result(result: Result): void;
  /** It has finished a micro-batch, or more, of the lease of [lo, lo + size), and is still at it. */
  progress(round: number, lo: number, size: number): void;
  /** A lease of [lo, lo + size) was never sent to it, and has come to be of a round that is over: it holds that no more. */
  returned(round: number, lo: number, size: number): void;
  /** It wants no more leases, and is to be sent away once it has answered those that it holds. */
  drain(): void;
  /** It is gone, of itself or, where there is a `fault`, because it was sent away for it. Told once. */
  left(reason: string, fault?: Fault): void;
}
