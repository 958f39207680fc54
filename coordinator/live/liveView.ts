/**
 * What the operator sees of a run: an observer that keeps the state of the page, and tells what of it has changed since a
 * mark. A small model makes thousands of steps a second, so each event costs little here; what is costly is done when
 * somebody looks. It sends nothing, and reads the clocks that it is given.
 */
import type { Evaluation, LiveState, Notice, Phase, RunStatus, Sample } from '../../core/protocol/live.ts';
import type { News } from '../../core/protocol/messages.ts';
import type { Block, Round, WorkerId } from '../machine/machine.ts';
import type { Evaluated, RunObserver, StepMade, WorkerChange } from '../observer.ts';
import { Course, type CourseStep } from './course.ts';
import { Rate } from './rate.ts';
import { Roster } from './roster.ts';
import { Timeline } from './timeline.ts';

const MAX_SAMPLES = 6;
const MAX_NOTICES = 100;
/** When there are so many evaluations, every other one is dropped. */
const MAX_EVALUATIONS = 1024;

/** What is replaced as a whole when it changes. */
type Part = Exclude<keyof LiveState, 'course'>;

export interface Clocks {
  /** Milliseconds on a clock that does not run back. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly date: () => number;
}

/** How much a reader has seen. */
export interface Mark {
  readonly revision: number;
  readonly course: number;
  /** Whole seconds on the clock: some figures change though nothing happens. */
  readonly second: number;
}

export class LiveView implements RunObserver {
  readonly #clocks: Clocks;
  readonly #steps: number;
  readonly #startedAt: number;
  readonly #course = new Course();
  readonly #roster = new Roster();
  readonly #timeline = new Timeline();
  readonly #stepRate = new Rate();
  readonly #tokenRate = new Rate();
  #phase: Phase = 'waiting';
  #step: number;
  #last: CourseStep | null = null;
  #valLoss: number | null = null;
  #checkpoint: number | null = null;
  #evaluations: Evaluation[] = [];
  #samples: Sample[] = [];
  #notices: Notice[] = [];
  /** Events so far, and at which each part of the state last changed. */
  #revision = 0;
  readonly #changed: Record<Part, number>;

  /**
   * @param step updates made before
   * @param steps in all
   */
  constructor(step: number, steps: number, clocks: Clocks) {
    this.#clocks = clocks;
    this.#step = step;
    this.#steps = steps;
    this.#startedAt = clocks.now();
    this.#changed = { status: 0, evaluations: 0, workers: 0, timeline: 0, samples: 0, notices: 0 };
  }

  /** Takes up a step or an evaluation that was made before this coordinator started. */
  recall(past: Evaluated | CourseStep): void {
    if ('split' in past) return this.#evaluated(past);
    this.#course.push(past);
    this.#last = past;
    this.#touch('status');
  }

  onStep(made: StepMade): void {
    const now = this.#clocks.now();
    this.#step = made.step;
    this.#last = made;
    this.#course.push(made);
    this.#stepRate.add(1, now);
    this.#tokenRate.add(made.count, now);
    if (this.#timeline.close(now)) this.#touch('timeline');
    this.#touch('status');
  }

  onEvaluation(evaluated: Evaluated): void {
    this.#evaluated(evaluated);
    const { split, loss } = evaluated;
    this.#notify(`${split === 'val' ? 'validation' : 'train'} loss ${loss.toFixed(4)}`);
  }

  onCheckpoint(step: number): void {
    this.#checkpoint = step;
    this.#notify(`checkpoint of step ${step} written`);
    this.#touch('status');
  }

  onDisk(trouble: string | null): void {
    this.#notify(trouble ?? 'there is room again, and all is written');
  }

  onWorker({ id, name, slots, port, joined, reason }: WorkerChange): void {
    const now = this.#clocks.now();
    if (joined) {
      this.#roster.join(id, port, now);
      this.#notify(`${name} joined, with ${slots} thread${slots === 1 ? '' : 's'}`);
    } else {
      this.#roster.leave(id);
      this.#timeline.leave(id, now);
      this.#touch('timeline');
      this.#notify(`${name} left${reason === '' ? '' : `: ${reason}`}`);
    }
    this.#touch('workers');
  }

  onPhase(phase: Phase): void {
    const was = this.#phase;
    this.#phase = phase;
    if (was === 'paused' || was === 'waiting') this.#beginRates();
    if (phase === 'paused' || phase === 'finished' || phase === 'stopped') this.#notify(phase);
    else if (was === 'paused') this.#notify('resumed');
    this.#touch('status');
  }

  onOpen(round: Round): void {
    this.#roster.open(round);
    if (this.#timeline.open(round, this.#clocks.now())) this.#touch('timeline');
  }

  onAssign(worker: WorkerId, round: Round, block: Block): void {
    this.#roster.assign(worker);
    const now = this.#clocks.now();
    if (this.#timeline.assign(worker, this.#roster.nameOf(worker), round, block, now)) this.#touch('timeline');
    this.#touch('workers');
  }

  onOverdue(worker: WorkerId, round: Round, block: Block): void {
    this.#roster.overdue(worker, round, block);
    this.#touch('workers');
  }

  onResult(worker: WorkerId, round: number, block: Block, accepted: boolean): void {
    const now = this.#clocks.now();
    this.#roster.result(worker, round, block, accepted, now);
    if (this.#timeline.result(worker, round, block, accepted, now)) this.#touch('timeline');
    this.#touch('workers');
  }

  onChecked(worker: WorkerId, block: Block, agreed: boolean): void {
    if (agreed) this.#roster.verified(worker, block, this.#clocks.now());
    this.#touch('workers');
  }

  onUnverifiable(): void {
    this.#notify('results wait to be verified, and no worker is here that is trusted to do that');
  }

  onRollback(from: number, to: number): void {
    this.#step = to;
    this.#last = null;
    // Later ones are gone. It went to the newest that was left, or to the beginning.
    if (this.#checkpoint !== null && this.#checkpoint > to) this.#checkpoint = to > 0 ? to : null;
    this.#course.cut(to);
    this.#evaluations = this.#evaluations.filter(({ step }) => step <= to);
    this.#valLoss = this.#evaluations.findLast(({ split }) => split === 'val')?.loss ?? null;
    this.#samples = this.#samples.filter(({ step }) => step <= to);
    this.#beginRates();
    this.#notify(`went back from step ${from} to ${to}, to undo what a worker had made up`);
    for (const part of ['status', 'evaluations', 'samples'] as const) this.#touch(part);
  }

  /** Shows a text that the model has drawn. */
  addSample(sample: Sample): void {
    this.#samples = [...this.#samples, sample].slice(-MAX_SAMPLES);
    this.#touch('samples');
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Whether there is a volunteer whose page shows samples. */
  get hasTabs(): boolean {
    return this.#roster.hasTabs;
  }

  /** What a volunteer's page is told. */
  news(id: WorkerId): Omit<News, 'kind'> {
    const { phase, step, loss, valLoss, secondsLeft } = this.#status();
    const sample = this.#samples.at(-1) ?? null;
    return {
      phase,
      step,
      loss,
      valLoss,
      secondsLeft,
      workers: this.#roster.size,
      ...this.#roster.accepted(id),
      sample,
    };
  }

  /** What a reader has seen who is told everything now. */
  mark(): Mark {
    const second = Math.floor(this.#clocks.now() / 1000);
    return { revision: this.#revision, course: this.#course.mark, second };
  }

  /** Everything, for a reader who has seen nothing. */
  snapshot(): LiveState {
    return {
      status: this.#status(),
      course: this.#course.since(0),
      evaluations: this.#evaluations,
      workers: this.#roster.rows(this.#clocks.now()),
      timeline: this.#timeline.steps(),
      samples: this.#samples,
      notices: this.#notices,
    };
  }

  /** What has changed since the mark; null if nothing has. */
  changes(since: Mark): Partial<LiveState> | null {
    const newer = (part: Part) => this.#changed[part] > since.revision;
    const now = this.#clocks.now();
    const later = Math.floor(now / 1000) !== since.second;
    const changes = {
      ...(newer('status') || later ? { status: this.#status() } : {}),
      ...(this.#course.mark === since.course ? {} : { course: this.#course.since(since.course) }),
      ...(newer('evaluations') ? { evaluations: this.#evaluations } : {}),
      ...(newer('workers') || (later && this.#roster.size > 0) ? { workers: this.#roster.rows(now) } : {}),
      ...(newer('timeline') ? { timeline: this.#timeline.steps() } : {}),
      ...(newer('samples') ? { samples: this.#samples } : {}),
      ...(newer('notices') ? { notices: this.#notices } : {}),
    };
    return Object.keys(changes).length === 0 ? null : changes;
  }

  #status(): RunStatus {
    const now = this.#clocks.now();
    const stepsPerSecond = this.#stepRate.perSecond(now);
    const working = this.#phase === 'training' || this.#phase === 'evaluating';
    const left = this.#steps - this.#step;
    return {
      phase: this.#phase,
      step: this.#step,
      loss: finite(this.#last?.loss),
      valLoss: finite(this.#valLoss),
      lr: finite(this.#last?.lr),
      gradNorm: finite(this.#last?.gradNorm),
      stepsPerSecond,
      tokensPerSecond: this.#tokenRate.perSecond(now),
      secondsLeft: left === 0 ? 0 : working && stepsPerSecond !== null ? finite(left / stepsPerSecond) : null,
      seconds: (now - this.#startedAt) / 1000,
      checkpoint: this.#checkpoint,
    };
  }

  #evaluated({ step, split, loss }: Evaluated): void {
    if (!Number.isFinite(loss)) return;
    if (this.#evaluations.length >= MAX_EVALUATIONS)
      this.#evaluations = this.#evaluations.filter((_, i) => i % 2 === 1);
    this.#evaluations = [...this.#evaluations, { step, split, loss }];
    if (split === 'val') this.#valLoss = loss;
    this.#touch('evaluations');
    this.#touch('status');
  }

  /** Counts from now on: a wait is not held against those who waited. */
  #beginRates(): void {
    const now = this.#clocks.now();
    this.#stepRate.begin(now);
    this.#tokenRate.begin(now);
    this.#roster.begin(now);
  }

  #notify(text: string): void {
    this.#notices = [...this.#notices, { at: this.#clocks.date(), step: this.#step, text }].slice(-MAX_NOTICES);
    this.#touch('notices');
  }

  #touch(part: Part): void {
    this.#changed[part] = ++this.#revision;
  }
}

/** Only what JSON can tell. */
function finite(x: number | null | undefined): number | null {
  return x !== null && x !== undefined && Number.isFinite(x) ? x : null;
}
