/** Pairs to ranks, by open addressing: three numbers of a typed array each, since a lookup is what encoding spends its time on. */

import { UserError } from '../../errors.ts';

/** No merge. */
export const NO_RANK = 0x7fffffff;

export class MergeTable {
  /** left, right, rank; left is -1 where a place is empty. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** @param pairs by rank. @throws UserError where one is listed twice */
  constructor(pairs: readonly (readonly [left: number, right: number])[]) {
    let places = 16;
    while (places < 2 * pairs.length) places *= 2;
    this.#mask = places - 1;
    this.#slots = new Int32Array(3 * places).fill(-1);
    for (const [rank, [left, right]] of pairs.entries()) {
      let place = this.#begin(left, right);
      while (this.#slots[3 * place] !== -1) {
        if (this.#slots[3 * place] === left && this.#slots[3 * place + 1] === right)
          throw new UserError(
            `the merge of ${left} and ${right} is listed twice: this is no vocabulary of byte pairs.`,
          );
        place = (place + 1) & this.#mask;
      }
      this.#slots[3 * place] = left;
      this.#slots[3 * place + 1] = right;
      this.#slots[3 * place + 2] = rank;
    }
  }

  /** The rank of a pair's merge, or NO_RANK. */
  rank(left: number, right: number): number {
    const slots = this.#slots;
    for (let place = this.#begin(left, right); ; place = (place + 1) & this.#mask) {
      const found = slots[3 * place];
      if (found === left && slots[3 * place + 1] === right) return slots[3 * place + 2] ?? NO_RANK;
      if (found === -1) return NO_RANK;
    }
  }

  #begin(left: number, right: number): number {
    const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca77);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }
}
