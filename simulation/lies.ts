/**
 * The lies of a simulated run: how many were told, and which of them the run may still be rid of. Whoever is found out has its
 * unchecked work undone, as far as the coordinator knows that it was its: what a stranger added on a connection that ended before
 * that, and what anybody did in an earlier life of the coordinator, stays.
 */
export class Lies {
  /** By the names of workers: those told since the worker was last found out, or was forgotten. */
  readonly #told = new Map<string, number>();
  readonly #connections = new Map<string, number>();
  #forGood = 0;

  told(name: string): void {
    this.#told.set(name, (this.#told.get(name) ?? 0) + 1);
  }

  joined(name: string): void {
    this.#connections.set(name, this.#connectionsOf(name) + 1);
  }

  /** A worker is found out: on one of its connections if it is a stranger, who has a standing for each. */
  foundOut(name: string, isStranger: boolean): void {
    if (isStranger && this.#connectionsOf(name) !== 1) this.#forget(name);
    else this.#told.delete(name);
  }

  left(name: string, isStranger: boolean): void {
    this.#connections.set(name, this.#connectionsOf(name) - 1);
    if (isStranger) this.#forget(name);
  }

  /** A coordinator begins that knows nobody. */
  newLife(): void {
    this.#connections.clear();
    for (const name of this.#told.keys()) this.#forget(name);
  }

  /** Lies that may be in the parameters still. */
  get escaped(): number {
    return [...this.#told.values()].reduce((a, b) => a + b, this.#forGood);
  }

  #connectionsOf(name: string): number {
    return this.#connections.get(name) ?? 0;
  }

  #forget(name: string): void {
    this.#forGood += this.#told.get(name) ?? 0;
    this.#told.delete(name);
  }
}
