/**
 * A run's books: what its rounds come to, in the numbers (trainer.ts), in the files (runFolder.ts), and told to its observers. What
 * is accepted is added here; when a round is whole, the step or the evaluation is made of it, and written down. Whose work is
 * accepted, and when a round is whole, the machine decides.
 */
import type { Clock } from '../core/clock.ts';
import type { LayerRecord } from '../core/protocol/diagnostics.ts';
import type { Result } from '../core/protocol/work.ts';
import { EvaluationSum } from './evaluation.ts';
import type { Block, EvalSplit, Round } from './machine/machine.ts';
import type { FanOut, RunEnd } from './observer.ts';
import type { RunOptions } from './options.ts';
import type { Peers } from './peers.ts';
import type { LedgerLine, RunFolder } from './runFolder.ts';
import { Stopwatch } from './stopwatch.ts';
import type { Trainer } from './trainer.ts';

export interface BooksParts {
  readonly trainer: Trainer;
  readonly folder: RunFolder;
  readonly options: RunOptions;
}

export class Books {
  readonly #parts: BooksParts;
  readonly #observers: FanOut;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #stopwatch: Stopwatch;
  readonly #evaluation = new EvaluationSum();
  /** What has been accepted of the round under way. */
  #blocks: { lo: number; counts: readonly number[]; by: string }[] = [];
  /** What the layers were seen to do before the step that comes next, if anybody looked. */
  #layers: readonly LayerRecord[] | null = null;
  #losses: Record<EvalSplit, number | null> = { train: null, val: null };
  /** Names of the workers whose work was accepted, also of steps that were undone. */
  readonly #seen = new Set<string>();
  /** Checkpoints are written while training goes on: the last that was asked for. */
  #writing: Promise<void> = Promise.resolve();
  #checkpointedAt: number;

  constructor(parts: BooksParts, observers: FanOut, clock: Clock) {
    this.#parts = parts;
    this.#observers = observers;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#checkpointedAt = this.#startedAt;
    this.#stopwatch = new Stopwatch(clock);
  }

  /** From here on nothing is made, until `resume`: that is no part of how long steps take. */
  pause(): void {
    this.#stopwatch.pause();
  }

  resume(): void {
    this.#stopwatch.resume();
  }

  /** A round begins. */
  open({ mode, microBatches }: Round): void {
    this.#blocks = [];
    this.#evaluation.begin();
    this.#stopwatch.open();
    if (mode === 'train') this.#parts.trainer.begin(microBatches);
  }

  /** Whether nothing of the round under way has been accepted yet. */
  get isBlank(): boolean {
    return this.#blocks.length === 0;
  }

  /** Adds a result to its round. @param by what the ledger calls its worker @param name what it calls itself */
  accept({ mode }: Round, { lo, size }: Block, result: Result, by: string, name: string): void {
    if (mode === 'train') this.#parts.trainer.accept(lo, size, result);
    else if (mode === 'eval') this.#evaluation.accept(lo, result);
    else this.#layers = result.layers ?? [];
    this.#seen.add(name);
    this.#blocks.push({ lo, counts: result.counts, by });
  }

  /** All of a round has been accepted: makes of it what it was for. @throws Divergence; UserError if the folder is past writing */
  commit(round: Round, crew: Pick<Peers, 'size' | 'threads'>): void {
    switch (round.mode) {
      case 'train':
        return this.#commitStep(crew);
      case 'eval':
        return this.#commitEvaluation(round);
      case 'diagnose':
        return;
      default:
        return round satisfies never;
    }
  }

  #commitStep({ size: workers, threads }: Pick<Peers, 'size' | 'threads'>): void {
    const { trainer, folder } = this.#parts;
    const layers = this.#layers;
    const { parameters, ...report } = trainer.update(layers !== null);
    const took = this.#stopwatch.commit(report.count);
    const { tokensPerSecond } = took;
    const { loss, lr, gradNorm } = report;
    const { step } = trainer;
    folder.log({ step, loss, lr, gradNorm, tokensPerSecond, workers });
    folder.ledger({ step, blocks: this.#blocks } satisfies LedgerLine);
    if (layers !== null && parameters !== null) folder.diagnostics({ step, layers: [...layers], parameters });
    this.#layers = null;
    this.#observers.onStep({ ...report, step, workers, threads, ...took });
  }

  #commitEvaluation({ step, split }: Round & { mode: 'eval' }): void {
    const { loss } = this.#evaluation;
    this.#losses[split] = loss;
    this.#parts.folder.log({ step, [`${split}Loss`]: loss });
    this.#observers.onEvaluation({ step, split, loss });
  }

  /** Whether the last checkpoint was begun so long ago that another is to be. */
  get isCheckpointDue(): boolean {
    const { checkpointSeconds } = this.#parts.options;
    return checkpointSeconds > 0 && this.#clock.now() - this.#checkpointedAt >= checkpointSeconds * 1000;
  }

  /**
   * Writes a checkpoint of the numbers as they are, while training goes on.
   * @param clean what the run may yet go back to: the newest checkpoint of this step or before is kept
   */
  checkpoint(clean: number): Promise<void> {
    const { trainer, folder, options } = this.#parts;
    this.#checkpointedAt = this.#clock.now();
    const keep = { last: options.keepCheckpoints, every: options.keepEvery, clean };
    this.#writing = folder.checkpoint(trainer.step, () => trainer.tensors(), keep);
    return this.#writing;
  }

  /** Resolves when the checkpoint that was asked for last is on the disk. */
  get written(): Promise<void> {
    return this.#writing;
  }

  /** Goes back to the newest checkpoint of `step` or before, or to the beginning. Until it has, nothing may be told. */
  async goBack(step: number): Promise<void> {
    const { trainer, folder } = this.#parts;
    const found = await folder.rollBack(step);
    if (found === null) trainer.restart();
    else trainer.restore(found);
    this.#layers = null;
  }

  /** How the run has ended. @param complete false if it was stopped before its last step */
  end(complete: boolean): RunEnd {
    const { trainer } = this.#parts;
    return {
      complete,
      steps: trainer.step,
      trainLoss: complete ? this.#losses.train : null,
      valLoss: complete ? this.#losses.val : null,
      parameters: trainer.parameterCount,
      ...trainer.hashes(),
      seconds: (this.#clock.now() - this.#startedAt) / 1000,
      tokensPerSecond: this.#stopwatch.tokensPerSecond,
      workersSeen: [...this.#seen],
    };
  }
}
