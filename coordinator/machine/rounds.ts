/** What a run has to do: its rounds in their order, and when a checkpoint is due. Who does the work, it does not know. */
import type { EvalSplit, Round } from './leases.ts';
import type { Verify } from './standing.ts';

/** What is to be done, and when. Steps count the updates made: after the first one, the step is 1. */
export interface Plan {
  readonly startStep: number;
  readonly steps: number;
  readonly microBatches: number;
  /** Micro-batches of an evaluation of a split. */
  readonly evalMicroBatches: Readonly<Record<EvalSplit, number>>;
  /** Evaluate the validation set after every so many steps; 0 is only at the end. Both splits are evaluated at the end. */
  readonly evalEvery: number;
  readonly checkpointEvery: number;
  /** Look at what the layers do before every so many steps; 0 is never. */
  readonly diagnoseEvery: number;
  /** Which results of workers that are not trusted are computed again, by one that is, before they count. */
  readonly verify: Verify;
}

export class Rounds {
  readonly #plan: Plan;
  #step: number;
  #opened = 0;
  /** Rounds still to come before the next training step. */
  #evaluations: readonly EvalSplit[];
  /** The step that has been looked at. */
  #diagnosed = -1;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#step = plan.startStep;
    this.#evaluations = this.#step >= plan.steps ? ['train', 'val'] : [];
  }

  /** Updates made. */
  get step(): number {
    return this.#step;
  }

  /** The next round; null at the end. */
  next(): Round | null {
    const [split, ...rest] = this.#evaluations;
    if (split === undefined) return this.isOver ? null : this.#nextStep();
    this.#evaluations = rest;
    const microBatches = this.#plan.evalMicroBatches[split];
    return { id: this.#opened++, mode: 'eval', split, step: this.#step, microBatches };
  }

  /** Whether no round is left. */
  get isOver(): boolean {
    return this.#evaluations.length === 0 && this.#step >= this.#plan.steps;
  }

  /** The same round anew. */
  again(round: Round): Round {
    return { ...round, id: this.#opened++ };
  }

  /** A round has been made. @returns whether a checkpoint is due */
  commit({ mode, step }: Round): boolean {
    if (mode !== 'train') return false;
    this.#step = step + 1;
    const { evalEvery, checkpointEvery, steps } = this.#plan;
    const isLast = this.#step === steps;
    if (isLast) this.#evaluations = ['train', 'val'];
    else if (evalEvery > 0 && this.#step % evalEvery === 0) this.#evaluations = ['val'];
    return isLast || (checkpointEvery > 0 && this.#step % checkpointEvery === 0);
  }

  /** The steps from this one on are to be made again. What was evaluated before it, has been. */
  goBack(step: number): void {
    this.#step = step;
    this.#evaluations = [];
    this.#diagnosed = -1;
  }

  /** The next training step, or first a look at it where one is due. */
  #nextStep(): Round {
    const { diagnoseEvery, microBatches } = this.#plan;
    const step = this.#step;
    const id = this.#opened++;
    if (diagnoseEvery === 0 || (step + 1) % diagnoseEvery !== 0 || this.#diagnosed === step)
      return { id, mode: 'train', step, microBatches };
    this.#diagnosed = step;
    return { id, mode: 'diagnose', step, microBatches: 1 };
  }
}
