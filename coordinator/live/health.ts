/**
 * Whether a run does what it should: an observer that tells a run that waits or pauses because it was asked to from one that is
 * stuck. It restarts nothing; who asks is told how it stands.
 */
import type { Clock } from '../../core/clock.ts';
import type { Phase } from '../../core/protocol/live.ts';
import type { Block, WorkerId } from '../machine/machine.ts';
import type { RunObserver, StepMade, WorkerChange } from '../observer.ts';
import { RecentMedian } from '../recentMedian.ts';

/**
 * With workers at work, a run is stuck that has had no answer for so many times what its steps took at the median, and never
 * before the least. A silent lease is handed out again long before that: nobody who was handed it answers.
 */
const STEPS = 10;
const LEAST_MS = 120_000;
/** Before the first step of this process nothing is known of how long one takes. */
const FIRST_MS = 900_000;
/** How many of the last steps the median is over. */
const REMEMBERED = 15;

export interface Health {
  /**
   * `unverifiable`: results wait to be checked, and nobody is there who is trusted to do that; `disk`: it waits for a disk that does
   * not take what is written.
   */
  readonly status: 'ok' | 'unverifiable' | 'disk' | 'stuck' | 'failed';
  readonly phase: Phase;
  /** Updates made. */
  readonly step: number;
  /** Since the last step of this process; null before the first. */
  readonly secondsSinceStep: number | null;
  readonly workers: number;
}

export class HealthWatch implements RunObserver {
  readonly #clock: Clock;
  #phase: Phase = 'waiting';
  #step: number;
  #workers = 0;
  #failed = false;
  #isDiskStuck = false;
  #isUnverifiable = false;
  #steppedAt: number | null = null;
  /** When there was last an answer that counts, or work began. */
  #heardAt: number;
  /** Seconds of the last steps. */
  readonly #lately = new RecentMedian(REMEMBERED);

  /** @param step updates made before */
  constructor(step: number, clock: Clock) {
    this.#step = step;
    this.#clock = clock;
    this.#heardAt = clock.now();
  }

  onStep({ step, seconds }: StepMade): void {
    this.#step = step;
    this.#steppedAt = this.#clock.now();
    this.#isUnverifiable = false;
    this.#lately.add(seconds);
  }

  onWorker({ joined, port }: WorkerChange): void {
    this.#workers += joined ? 1 : -1;
    if (joined && port.trusted) this.#endUnverifiable();
  }

  onPhase(phase: Phase): void {
    this.#phase = phase;
    this.#heardAt = this.#clock.now();
  }

  onResult(_worker: WorkerId, _round: number, _block: Block, accepted: boolean): void {
    if (accepted) this.#heardAt = this.#clock.now();
  }

  onUnverifiable(): void {
    this.#isUnverifiable = true;
  }

  onChecked(): void {
    this.#endUnverifiable();
  }

  onDisk(trouble: string | null): void {
    this.#isDiskStuck = trouble !== null;
  }

  onRollback(_from: number, to: number): void {
    this.#step = to;
    this.#isUnverifiable = false;
  }

  onFailure(): void {
    this.#failed = true;
  }

  get health(): Health {
    const now = this.#clock.now();
    const secondsSinceStep = this.#steppedAt === null ? null : Math.round(now - this.#steppedAt) / 1000;
    return {
      status: this.#statusAt(now),
      phase: this.#phase,
      step: this.#step,
      secondsSinceStep,
      workers: this.#workers,
    };
  }

  #statusAt(now: number): Health['status'] {
    if (this.#failed) return 'failed';
    if (this.#isWorking && this.#isUnverifiable) return 'unverifiable';
    if (this.#isWorking && now - this.#heardAt > this.#patience) return 'stuck';
    return this.#isDiskStuck ? 'disk' : 'ok';
  }

  /** Somebody checks now: what that takes counts from here. */
  #endUnverifiable(): void {
    if (!this.#isUnverifiable) return;
    this.#isUnverifiable = false;
    this.#heardAt = this.#clock.now();
  }

  get #isWorking(): boolean {
    return this.#phase === 'training' || this.#phase === 'evaluating';
  }

  get #patience(): number {
    const { median } = this.#lately;
    return median === null ? FIRST_MS : Math.max(LEAST_MS, STEPS * median * 1000);
  }
}
