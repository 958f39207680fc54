/**
 * What a run tells about itself as it goes: to the terminal, to its operator's page, to tests. An observer changes nothing,
 * is called from within the run, and must be quick: a small model makes thousands of steps a second.
 */
import type { Phase } from '../core/protocol/live.ts';
import type { WorkerKind, WorkerPort } from '../core/protocol/work.ts';
import type { Block, EvalSplit, Round, WorkerId } from './machine/machine.ts';
import type { StepReport } from './trainer.ts';

/** A training step that has been made. */
export interface StepMade extends StepReport {
  /** Updates made, this one included. */
  readonly step: number;
  readonly workers: number;
  /** Of all workers together. */
  readonly threads: number;
  /** How long it took by the coordinator's clock, pauses left out; and its targets per second of that. */
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

export interface Evaluated {
  readonly step: number;
  readonly split: EvalSplit;
  readonly loss: number;
}

/** A worker came or went. */
export interface WorkerChange {
  readonly id: WorkerId;
  /** What the ledger calls it. */
  readonly name: string;
  readonly kind: WorkerKind;
  readonly slots: number;
  readonly port: WorkerPort;
  readonly joined: boolean;
  /** Why it went. */
  readonly reason: string;
}

/** The reason of a worker that was asked to stop, by its own side, and left nothing for others to do. */
export const DRAINED = 'it was stopped, and has answered all that it held';

/**
 * What a worker was sent away for: `malformed` is no message of the protocol; `wrong-form` (lengths, counts) and `not-finite` are
 * results that were looked through; `not-leased` answers no lease; `lied` results were computed again and came out otherwise;
 * `operator` and `token` are people's doing.
 */
export type ExpulsionCause = 'malformed' | 'wrong-form' | 'not-finite' | 'not-leased' | 'lied' | 'operator' | 'token';

/** A worker was sent away; that it left is told next. */
export interface Expulsion {
  readonly id: WorkerId;
  /** What the ledger calls it. */
  readonly name: string;
  readonly cause: ExpulsionCause;
  /** A sentence for its owner. */
  readonly reason: string;
}

export interface RunObserver {
  onStep?(made: StepMade): void;
  onEvaluation?(evaluated: Evaluated): void;
  /** A checkpoint is on the disk. @param seconds that it took to write */
  onCheckpoint?(step: number, seconds: number): void;
  /** The disk does not take what is written, and the run waits for it: why, in a sentence with no full stop; null once it does. */
  onDisk?(trouble: string | null): void;
  onWorker?(change: WorkerChange): void;
  onExpulsion?(expulsion: Expulsion): void;
  onPhase?(phase: Phase): void;
  onOpen?(round: Round): void;
  onAssign?(worker: WorkerId, round: Round, block: Block): void;
  onOverdue?(worker: WorkerId, round: Round, block: Block): void;
  /** An answer came that does not count before it has been computed again; `onResult` is told next. */
  onDoubt?(worker: WorkerId, block: Block): void;
  /** What a worker answered was computed again by another: `agreed` if it came out the same. */
  onChecked?(worker: WorkerId, block: Block, agreed: boolean): void;
  /** Results wait to be checked, and nobody is there who is trusted to do that. */
  onUnverifiable?(): void;
  /** The run went back from a step to an earlier one: what a liar had added since is undone, and made again. */
  onRollback?(from: number, to: number): void;
  /**
   * An answer came to a lease, of a round by its number: one that is over, perhaps. `accepted` if it is the one that counts. What
   * a worker was sent away for is not among them.
   */
  onResult?(worker: WorkerId, round: number, block: Block, accepted: boolean): void;
  /** The run ends by an error: nothing more is committed. */
  onFailure?(error: unknown): void;
}

export interface RunEnd {
  /** False if it was stopped before its last step. */
  readonly complete: boolean;
  readonly steps: number;
  /** Of the whole splits, in evaluation mode, at the end; null if it was stopped. */
  readonly trainLoss: number | null;
  readonly valLoss: number | null;
  readonly parameters: number;
  readonly paramsSha256: string;
  readonly buffersSha256: string;
  readonly seconds: number;
  /** Of this process's training steps, evaluation left out. */
  readonly tokensPerSecond: number;
  /** Names of the workers whose work was accepted. */
  readonly workersSeen: readonly string[];
}

/** Tells several observers, one after the other, in the order in which they were added. */
export class FanOut implements Required<RunObserver> {
  readonly #observers: RunObserver[] = [];

  add(observer: RunObserver): void {
    this.#observers.push(observer);
  }

  onStep(made: StepMade): void {
    for (const o of this.#observers) o.onStep?.(made);
  }

  onEvaluation(evaluated: Evaluated): void {
    for (const o of this.#observers) o.onEvaluation?.(evaluated);
  }

  onCheckpoint(step: number, seconds: number): void {
    for (const o of this.#observers) o.onCheckpoint?.(step, seconds);
  }

  onDisk(trouble: string | null): void {
    for (const o of this.#observers) o.onDisk?.(trouble);
  }

  onWorker(change: WorkerChange): void {
    for (const o of this.#observers) o.onWorker?.(change);
  }

  onExpulsion(expulsion: Expulsion): void {
    for (const o of this.#observers) o.onExpulsion?.(expulsion);
  }

  onPhase(phase: Phase): void {
    for (const o of this.#observers) o.onPhase?.(phase);
  }

  onOpen(round: Round): void {
    for (const o of this.#observers) o.onOpen?.(round);
  }

  onAssign(worker: WorkerId, round: Round, block: Block): void {
    for (const o of this.#observers) o.onAssign?.(worker, round, block);
  }

  onOverdue(worker: WorkerId, round: Round, block: Block): void {
    for (const o of this.#observers) o.onOverdue?.(worker, round, block);
  }

  onDoubt(worker: WorkerId, block: Block): void {
    for (const o of this.#observers) o.onDoubt?.(worker, block);
  }

  onChecked(worker: WorkerId, block: Block, agreed: boolean): void {
    for (const o of this.#observers) o.onChecked?.(worker, block, agreed);
  }

  onUnverifiable(): void {
    for (const o of this.#observers) o.onUnverifiable?.();
  }

  onRollback(from: number, to: number): void {
    for (const o of this.#observers) o.onRollback?.(from, to);
  }

  onResult(worker: WorkerId, round: number, block: Block, accepted: boolean): void {
    for (const o of this.#observers) o.onResult?.(worker, round, block, accepted);
  }

  onFailure(error: unknown): void {
    for (const o of this.#observers) o.onFailure?.(error);
  }
}
