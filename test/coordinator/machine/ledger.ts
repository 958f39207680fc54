/**
 * What a world has made of a machine's actions: whose results were accepted in which step, which are held, what is known of
 * whom. The judge's own account, kept without a look at the machine's. A result is a number: 0 is the truth, others are lies.
 */
import type { Block, Round, WorkerId } from '../../../coordinator/machine/machine.ts';
import { runLength } from '../../../core/allreduce/treeSum.ts';

/** A result that is held in doubt. */
export interface Held extends Block {
  readonly value: number;
  readonly worker: WorkerId;
  /** Whose it is, by what the machine knows a worker again. */
  readonly key: string;
  /** All who have answered this block. */
  readonly asked: ReadonlySet<string>;
}

/** A result that was accepted: of `key`, unchecked; or of a trusted worker, if that is null. */
interface Contribution {
  readonly key: string | null;
  readonly value: number;
}

export class Ledger {
  /** By the first micro-batch. */
  readonly held = new Map<number, Held>();
  /** How many checked results in a row were found equal. */
  readonly validated = new Map<string, number>();
  /** Training steps as they are committed now, the first at `base`. */
  #steps: Contribution[][] = [];
  #base: number;
  #round: Contribution[] = [];
  /** How often each micro-batch of the round was accepted. */
  #accepted: number[] = [];

  constructor(startStep: number) {
    this.#base = startStep;
  }

  open(round: Round): void {
    this.drop();
    this.#accepted = new Array<number>(round.microBatches).fill(0);
  }

  /** What was accepted and held of the round is void. */
  drop(): void {
    this.#round = [];
    this.#accepted = [];
    this.held.clear();
  }

  accept({ lo, size }: Block, key: string | null, value: number): void {
    for (const i of this.within({ lo, size })) this.#accepted[i]++;
    this.held.delete(lo);
    this.#round.push({ key, value });
  }

  /** Micro-batches of a block. */
  within({ lo, size }: Block): number[] {
    return Array.from({ length: runLength(lo, size, this.#accepted.length) }, (_, i) => lo + i);
  }

  /** How often the block's micro-batches were accepted: the least and the most. */
  times(block: Block): { least: number; most: number } {
    const times = this.within(block).map((i) => this.#accepted[i] ?? 0);
    return { least: Math.min(...times), most: Math.max(...times) };
  }

  /** What is held of this very block, of one that overlaps it ('other'), or nothing. */
  heldOf({ lo, size }: Block): Held | 'other' | null {
    const there = this.held.get(lo);
    if (there?.size === size) return there;
    const overlaps = [...this.held.values()].some((h) => h.lo < lo + size && lo < h.lo + h.size);
    return overlaps ? 'other' : null;
  }

  /** Micro-batches that are neither accepted nor held. */
  missing(): number[] {
    const held = new Set([...this.held.values()].flatMap((h) => this.within(h)));
    return this.#accepted.flatMap((times, i) => (times === 0 && !held.has(i) ? [i] : []));
  }

  commit(round: Round): void {
    if (round.mode === 'train') this.#steps.push(this.#round);
    this.drop();
  }

  get step(): number {
    return this.#base + this.#steps.length;
  }

  /** The first committed step with an unchecked result of this worker. */
  firstUnchecked(key: string): number | null {
    const at = this.#steps.findIndex((step) => step.some((c) => c.key === key));
    return at < 0 ? null : this.#base + at;
  }

  /** Whether an unchecked result of this worker was accepted in the round. */
  isInRound(key: string): boolean {
    return this.#round.some((c) => c.key === key);
  }

  /** What `cleanStep` is to be if these may still be found to have lied. */
  cleanStep(keys: Iterable<string>, step: number): number {
    return [...keys].reduce((least, key) => Math.min(least, this.firstUnchecked(key) ?? least), step);
  }

  /** The steps from this one on are undone. */
  undo(step: number): void {
    this.#steps.length = Math.max(0, step - this.#base);
    this.#base = Math.min(this.#base, step);
    this.drop();
  }

  /** Lies in the committed steps. */
  lies(): number {
    return this.#steps.flat().filter((c) => c.value !== 0).length;
  }
}
