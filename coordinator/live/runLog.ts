/**
 * A run's log for whoever operates it: a line an event, told to a logger that says where lines go and which levels count. It is
 * not the run's own log.jsonl, which is of the training. No token and no key is ever in it.
 */
import type { Logger } from 'pino';
import type { Phase } from '../../core/protocol/live.ts';
import type { Refusal } from '../door/refusal.ts';
import type { Block, Round, WorkerId } from '../machine/machine.ts';
import type { Evaluated, Expulsion, RunObserver, StepMade, WorkerChange } from '../observer.ts';

/** Strangers who are not let in may come by the thousand: of more than so many in a second only the number is told. */
const REFUSALS_A_SECOND = 10;

export class RunLog implements RunObserver {
  readonly #log: Logger;
  readonly #names = new Map<WorkerId, string>();
  readonly #now: () => number;
  #step: number;
  #resting: Phase | null = null;
  #refusedSince = Number.NEGATIVE_INFINITY;
  #refused = 0;
  #untold = 0;

  /** @param step updates made before @param now milliseconds on a clock that does not run back */
  constructor(log: Logger, step: number, now: () => number) {
    this.#log = log;
    this.#step = step;
    this.#now = now;
  }

  onStep({ step, loss, lr, gradNorm, seconds, workers }: StepMade): void {
    this.#step = step;
    this.#log.debug({ event: 'step', step, loss, lr, gradNorm, seconds, workers });
  }

  onEvaluation({ step, split, loss }: Evaluated): void {
    this.#log.info({ event: 'evaluation', step, split, loss });
  }

  onCheckpoint(step: number, seconds: number): void {
    this.#log.info({ event: 'checkpoint', step, seconds });
  }

  onWorker({ id, name, kind, slots, port, joined, reason }: WorkerChange): void {
    const step = this.#step;
    if (joined) {
      this.#names.set(id, name);
      const { identity, trusted } = port;
      return this.#log.info({ event: 'joined', worker: name, kind, slots, token: identity, trusted, step });
    }
    this.#names.delete(id);
    this.#log.info({ event: 'left', worker: name, kind, reason, step });
  }

  onExpulsion({ name, cause, reason }: Expulsion): void {
    this.#log.warn({ event: 'expelled', worker: name, cause, reason, step: this.#step });
  }

  onOverdue(worker: WorkerId, { step, mode }: Round, { lo, size }: Block): void {
    this.#log.warn({ event: 'overdue', worker: this.#names.get(worker), step, mode, lo, size });
  }

  onDisk(trouble: string | null): void {
    if (trouble === null) this.#log.info({ event: 'disk', trouble, step: this.#step });
    else this.#log.error({ event: 'disk', trouble, step: this.#step });
  }

  onRollback(from: number, to: number): void {
    this.#step = to;
    this.#log.warn({ event: 'rollback', from, to });
  }

  onUnverifiable(): void {
    this.#log.warn({ event: 'unverifiable', step: this.#step });
  }

  /** Begins and ends of rests; what work is done between them is no news. */
  onPhase(phase: Phase): void {
    const resting = phase === 'training' || phase === 'evaluating' ? null : phase;
    if (resting === this.#resting) return;
    this.#resting = resting;
    this.#log.info({ event: 'phase', phase, step: this.#step });
  }

  /** Somebody was not let in at the door. */
  onRefusal({ why, address, name }: Refusal): void {
    const now = this.#now();
    if (now - this.#refusedSince >= 1000) [this.#refusedSince, this.#refused] = [now, 0];
    if (++this.#refused > REFUSALS_A_SECOND) {
      this.#untold++;
      return;
    }
    const others = this.#untold === 0 ? {} : { others: this.#untold };
    this.#untold = 0;
    this.#log.warn({ event: 'refused', why, address, worker: name, ...others });
  }
}
