/**
 * Looks a result through before it is used: its lengths and counts, whether its numbers are finite, whether its gradient is of
 * the size that its step's others have, and, where a result of the same block is held in doubt, whether the two agree. It judges
 * results and not workers: whom to doubt is the machine's business, and whom to send away the run's.
 */
import type { Result } from '../core/protocol/work.ts';
import type { Batches } from './batches.ts';
import { Doubts } from './doubts.ts';
import type { Block, Round, WorkerId } from './machine/machine.ts';
import { Norms } from './norms.ts';
import type { Trainer } from './trainer.ts';

/** Whose a result is: our own threads' (their code is ours), another's, or of our threads while nobody else is there. */
export type Source = 'ours' | 'others' | 'ours-alone';

export type Finding =
  | { readonly kind: 'wrong-form' | 'not-finite' /** To be said after "it sent". */; readonly what: string }
  | {
      readonly kind: 'sound';
      /** Its gradient is out of line with those of its step. */
      readonly suspect: boolean;
      /** Whether it agrees with what is held of its block; null if nothing is. */
      readonly agrees: boolean | null;
    };

export class Inspection {
  readonly #trainer: Trainer;
  readonly #batches: Batches;
  readonly #doubts: Doubts;
  readonly #norms = new Norms();
  /** Of the result that was looked at last; null where it was not measured. */
  #norm: number | null = null;

  /** @param exact whether honest results of a block have the same bits, whoever computed them */
  constructor(trainer: Trainer, batches: Batches, exact: boolean) {
    this.#trainer = trainer;
    this.#batches = batches;
    this.#doubts = new Doubts(exact);
  }

  /** A round begins. */
  begin(): void {
    this.#doubts.clear();
  }

  /** The run has gone back. */
  forget(): void {
    this.#norms.clear();
  }

  look(round: Round, block: Block, result: Result, source: Source): Finding {
    const trainer = this.#trainer;
    const training = round.mode === 'train';
    this.#norm = null;
    const flaw = trainer.flaw(result, this.#batches.counts(round, block), training);
    if (flaw !== null) return { kind: 'wrong-form', what: flaw };
    const notFinite = trainer.notFinite(result);
    if (notFinite !== null) return { kind: 'not-finite', what: notFinite };
    // Of our own threads a gradient is not searched: if it is not finite, neither is the step's sum, and the update says so.
    if (training && source !== 'ours-alone') this.#norm = trainer.normOf(result);
    if (source === 'others' && this.#norm !== null && !Number.isFinite(this.#norm))
      return { kind: 'not-finite', what: 'a gradient that is not finite' };
    const suspect = source === 'others' && this.#norm !== null && this.#norms.isOdd(this.#norm);
    return { kind: 'sound', suspect, agrees: this.#doubts.agrees(result) };
  }

  /** The result that was looked at last counts. */
  accepted(): void {
    if (this.#norm !== null && Number.isFinite(this.#norm)) this.#norms.add(this.#norm);
  }

  /** The result that was looked at last is held in doubt. */
  doubted(worker: WorkerId, result: Result): void {
    this.#doubts.keep(worker, result);
  }

  /** Whose result of this block is held; null if none is. */
  heldOf(result: Result): WorkerId | null {
    return this.#doubts.holderOf(result);
  }
}
