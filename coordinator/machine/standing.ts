/**
 * What is known of the honesty of workers that are not trusted: how many results in a row were computed again and found equal,
 * and since which step there is work of theirs in the parameters that nobody has checked. It decides whose results are
 * checked; by whom is schedule.ts's, and what follows from a lie is machine.ts's.
 */

/** Whose results are computed again before they count: nobody's, by a draw that is kinder to the proven, everybody's. */
export type Verify = 'off' | 'adaptive' | 'all';

export interface Standing {
  /** What its worker is called on each of its connections; null of a stranger, who has one. */
  readonly identity: string | null;
  /** Results that were checked and found equal since the last that was not. */
  validated: number;
  /** The first training step that has been committed with an unchecked result of this worker. */
  firstUnchecked: number | null;
  connections: number;
  /** Results that are held until they are checked. */
  held: number;
}

/** So many checked results in a row make a worker proven. */
const PROVEN = 10;

/** Whether a result is checked, suspicion aside. @param dice a number in [0, 1) that the worker cannot foresee */
export function isSampled({ validated }: Standing, verify: Verify, dice: () => number): boolean {
  if (verify !== 'adaptive') return verify === 'all';
  return validated < PROVEN || dice() < 1 / validated;
}

export class Standings {
  readonly #named = new Map<string, Standing>();
  /** Those, and the strangers that are there or have left a result that is held. */
  readonly #known = new Set<Standing>();

  /** A worker came. One without an identity is a new stranger. */
  join(identity: string | null): Standing {
    const known = identity === null ? undefined : this.#named.get(identity);
    const standing = known ?? { identity, validated: 0, firstUnchecked: null, connections: 0, held: 0 };
    this.#known.add(standing);
    if (identity !== null) this.#named.set(identity, standing);
    standing.connections++;
    return standing;
  }

  leave(standing: Standing): void {
    standing.connections--;
    this.#forget(standing);
  }

  /** A result is held. */
  hold(standing: Standing): void {
    standing.held++;
  }

  /** A result is held no longer. @throws Error if none is */
  release(standing: Standing): void {
    if (standing.held === 0) throw new Error('a result is let go that was not held');
    standing.held--;
    this.#forget(standing);
  }

  /** Before this step there is nothing unchecked of anybody who could still be found to have lied. @param step the present one */
  cleanStep(step: number): number {
    let clean = step;
    for (const { firstUnchecked } of this.#known)
      if (firstUnchecked !== null && firstUnchecked < clean) clean = firstUnchecked;
    return clean;
  }

  /** The steps from `step` on were undone. */
  undo(step: number): void {
    for (const standing of this.#known)
      if (standing.firstUnchecked !== null && standing.firstUnchecked >= step) standing.firstUnchecked = null;
  }

  /** A stranger that is gone is never met again. */
  #forget(standing: Standing): void {
    const { identity, connections, held } = standing;
    if (identity === null && connections === 0 && held === 0) this.#known.delete(standing);
  }
}
