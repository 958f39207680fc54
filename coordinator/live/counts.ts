/**
 * What a run has done, in numbers, for whoever collects them: an observer that counts. A small model makes thousands of steps a
 * second, so an event costs an addition or two; how the numbers are written down is metrics.ts's.
 */
import type { Clock } from '../../core/clock.ts';
import type { Phase } from '../../core/protocol/live.ts';
import type { WorkerKind } from '../../core/protocol/work.ts';
import type { Refusal } from '../door/refusal.ts';
import type { Block, EvalSplit, Round, WorkerId } from '../machine/machine.ts';
import type { Evaluated, Expulsion, ExpulsionCause, RunObserver, StepMade, WorkerChange } from '../observer.ts';
import { Holdings } from './holdings.ts';

/** Upper bounds of the durations that are counted apart, in seconds. */
export const STEP_BUCKETS: readonly number[] = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600,
];

interface Presence {
  readonly kind: WorkerKind;
  readonly slots: number;
  readonly holdings: Holdings;
}

const KINDS: readonly WorkerKind[] = ['threads', 'remote', 'tab'];
const zeros = <K extends string>(keys: readonly K[]) =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;

export class RunCounts implements RunObserver {
  readonly #clock: Clock;
  readonly #present = new Map<WorkerId, Presence>();
  #steppedAt: number | null = null;
  #writtenAt: number | null = null;
  phase: Phase = 'waiting';
  /** Updates made, those before this process included. */
  step: number;
  /** Since the process started. */
  steps = 0;
  tokens = 0;
  /** The last step; null before the first, and after going back. */
  last: StepMade | null = null;
  readonly #evaluated = new Map<EvalSplit, Evaluated>();
  /** Steps by duration: at most each of STEP_BUCKETS, not cumulated, and more than all; and the sum in seconds. */
  readonly durations = new Float64Array(STEP_BUCKETS.length + 1);
  secondsOfSteps = 0;
  readonly joins = zeros(KINDS);
  readonly leaves = zeros(KINDS);
  leases = 0;
  overdueLeases = 0;
  accepted = 0;
  /** Answers that did not count, those that were doubted included; and those. */
  notAccepted = 0;
  doubted = 0;
  readonly checks = { agreed: 0, differed: 0 };
  rollbacks = 0;
  isDiskStuck = false;
  readonly expulsions = zeros<ExpulsionCause>([
    'malformed',
    'wrong-form',
    'not-finite',
    'not-leased',
    'lied',
    'operator',
    'token',
  ]);
  readonly refusals = zeros<Refusal['why']>([
    'protocol',
    'token',
    'numerics',
    'malformed',
    'silent',
    'crowd',
    'origin',
    'cooling-down',
    'dismissed',
  ]);
  checkpoints = 0;
  /** Of the newest that is there. */
  checkpointStep: number | null = null;
  checkpointSeconds: number | null = null;

  /** @param step updates made before */
  constructor(step: number, clock: Clock) {
    this.step = step;
    this.#clock = clock;
  }

  onStep(made: StepMade): void {
    this.step = made.step;
    this.steps++;
    this.tokens += made.count;
    this.last = made;
    this.#steppedAt = this.#clock.now();
    let bucket = 0;
    while (bucket < STEP_BUCKETS.length && made.seconds > (STEP_BUCKETS[bucket] ?? 0)) bucket++;
    this.durations[bucket] = (this.durations[bucket] ?? 0) + 1;
    this.secondsOfSteps += made.seconds;
  }

  onEvaluation(evaluated: Evaluated): void {
    this.#evaluated.set(evaluated.split, evaluated);
  }

  onCheckpoint(step: number, seconds: number): void {
    this.checkpoints++;
    this.checkpointStep = step;
    this.checkpointSeconds = seconds;
    this.#writtenAt = this.#clock.now();
  }

  onWorker({ id, kind, slots, joined }: WorkerChange): void {
    if (joined) this.#present.set(id, { kind, slots, holdings: new Holdings() });
    else this.#present.delete(id);
    (joined ? this.joins : this.leaves)[kind]++;
  }

  onPhase(phase: Phase): void {
    this.phase = phase;
  }

  onAssign(worker: WorkerId): void {
    this.leases++;
    this.#present.get(worker)?.holdings.assign();
  }

  onOverdue(worker: WorkerId, round: Round, block: Block): void {
    this.overdueLeases++;
    this.#present.get(worker)?.holdings.late(round.id, block);
  }

  onResult(worker: WorkerId, round: number, block: Block, accepted: boolean): void {
    if (accepted) this.accepted++;
    else this.notAccepted++;
    this.#present.get(worker)?.holdings.answer(round, block);
  }

  onDoubt(): void {
    this.doubted++;
  }

  onChecked(_worker: WorkerId, _block: Block, agreed: boolean): void {
    this.checks[agreed ? 'agreed' : 'differed']++;
  }

  onRollback(_from: number, to: number): void {
    this.rollbacks++;
    this.step = to;
    this.last = null;
    for (const [split, { step }] of this.#evaluated) if (step > to) this.#evaluated.delete(split);
    // Later ones are gone. It went to the newest that was left, or to the beginning.
    if (this.checkpointStep !== null && this.checkpointStep > to) this.checkpointStep = to > 0 ? to : null;
  }

  onDisk(trouble: string | null): void {
    this.isDiskStuck = trouble !== null;
  }

  onExpulsion({ cause }: Expulsion): void {
    this.expulsions[cause]++;
  }

  /** Somebody was not let in at the door. */
  onRefusal({ why }: Refusal): void {
    this.refusals[why]++;
  }

  /** The last loss of each split that has been evaluated, and not undone since. */
  get losses(): Readonly<Partial<Record<EvalSplit, number>>> {
    return Object.fromEntries(Array.from(this.#evaluated, ([split, { loss }]) => [split, loss]));
  }

  /** Workers that are there, their threads, and what they hold. */
  get present(): {
    readonly workers: Readonly<Record<WorkerKind, number>>;
    readonly threads: Readonly<Record<WorkerKind, number>>;
    readonly leases: number;
    readonly overdue: number;
  } {
    const [workers, threads] = [zeros(KINDS), zeros(KINDS)];
    let [leases, overdue] = [0, 0];
    for (const { kind, slots, holdings } of this.#present.values()) {
      workers[kind]++;
      threads[kind] += slots;
      leases += holdings.leases;
      overdue += holdings.overdue;
    }
    return { workers, threads, leases, overdue };
  }

  /** Since the last step, and since the last checkpoint was written, in seconds; null before the first. */
  get ages(): { readonly step: number | null; readonly checkpoint: number | null } {
    const since = (at: number | null) => (at === null ? null : (this.#clock.now() - at) / 1000);
    return { step: since(this.#steppedAt), checkpoint: since(this.#writtenAt) };
  }
}
