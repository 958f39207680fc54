/** How many leases a worker has not answered, and which of them are overdue. */
import type { Block } from '../machine/machine.ts';

const keyOf = (round: number, { lo, size }: Block): string => `${round} ${lo} ${size}`;

export class Holdings {
  #leases = 0;
  readonly #overdue = new Set<string>();

  get leases(): number {
    return this.#leases;
  }

  get overdue(): number {
    return this.#overdue.size;
  }

  /** A lease is handed out to it. */
  assign(): void {
    this.#leases++;
  }

  /** A lease that it holds is overdue. */
  late(round: number, block: Block): void {
    this.#overdue.add(keyOf(round, block));
  }

  /** It has answered a lease, or given it back. What it never held changes nothing. */
  answer(round: number, block: Block): void {
    if (this.#leases > 0) this.#leases--;
    if (this.#overdue.size > 0) this.#overdue.delete(keyOf(round, block));
  }
}
