/**
 * A vocabulary that merges make: 256 bytes, each with its id, and one more token for each merge. It encodes chunks of bytes and knows
 * what each id stands for; how a text is cut into chunks is not its business.
 *
 * Of the merges that apply to a chunk, the one of the lowest rank is made first, of several places the leftmost. Where no merge makes
 * a token that an earlier one needs, which learning cannot give, that is the same as making each everywhere (`encodePlainly`).
 */
import { UserError } from '../../errors.ts';
import { concatenate } from '../utf8.ts';
import type { IdList } from './idList.ts';
import { mergeByHeap } from './mergeByHeap.ts';
import { MergeTable, NO_RANK } from './mergeTable.ts';
import { MOST_IDS, type Pair } from './pairs.ts';

export interface BytePairsParts {
  /** By rank. */
  readonly merges: readonly Pair[];
  /** The id of each byte; 0 to 255 by default. Published vocabularies permute them. */
  readonly byteIds?: readonly number[] | undefined;
  /** The id that each merge makes; 256, 257, ... by default. */
  readonly mergeIds?: readonly number[] | undefined;
}

/** With nothing left to a default. */
export interface CompleteParts extends BytePairsParts {
  readonly byteIds: readonly number[];
  readonly mergeIds: readonly number[];
}

/** Chunks up to so many bytes are merged by looking at all pairs again; longer ones keep them in a heap. */
const SHORT = 48;

/** All tokens together have no more bytes: a few merges, each of what the one before made, would fill any memory. */
const MOST_BYTES = 2 ** 27;

export class BytePairs {
  readonly merges: readonly Pair[];
  readonly byteIds: readonly number[];
  readonly mergeIds: readonly number[];
  /** One more than the largest id. */
  readonly size: number;
  readonly #tokens: (Uint8Array | undefined)[];
  readonly #table: MergeTable;
  #ids = new Int32Array(SHORT);
  #ranks = new Int32Array(SHORT);

  /** @throws UserError where a merge is of ids that are none yet or is listed twice, or an id is made twice or too large */
  constructor({ merges, byteIds, mergeIds }: BytePairsParts) {
    this.merges = merges;
    this.byteIds = byteIds ?? Array.from({ length: 256 }, (_, byte) => byte);
    this.mergeIds = mergeIds ?? merges.map((_, rank) => 256 + rank);
    const tokens: (Uint8Array | undefined)[] = [];
    let size = 0;
    const set = (id: number, bytes: Uint8Array) => {
      if (!(id >= 0 && id < MOST_IDS))
        throw new UserError(`the token ${id} has an id above ${MOST_IDS - 1}: this is no vocabulary of byte pairs.`);
      if (tokens[id] !== undefined)
        throw new UserError(`the token ${id} is given twice: this is no vocabulary of byte pairs.`);
      tokens[id] = bytes;
    };
    for (const [byte, id] of this.byteIds.entries()) set(id, Uint8Array.of(byte));
    for (const [rank, [left, right]] of merges.entries()) {
      const [first, second] = [tokens[left], tokens[right]];
      const id = this.mergeIds[rank];
      if (first === undefined || second === undefined || id === undefined)
        throw new UserError(
          `merge ${rank}, of ${left} and ${right}, is of a token that no earlier merge has made: this is no vocabulary of byte pairs.`,
        );
      size += first.length + second.length;
      if (size > MOST_BYTES)
        throw new UserError(
          `the tokens have more than ${MOST_BYTES / 2 ** 20} MiB up to merge ${rank}: this is no vocabulary of byte pairs.`,
        );
      set(id, concatenate([first, second]));
    }
    this.#tokens = tokens;
    this.size = tokens.length;
    this.#table = new MergeTable(merges);
  }

  /** The bytes of a token, or undefined where the id is none. */
  bytesOf(id: number): Uint8Array | undefined {
    return this.#tokens[id];
  }

  /** Adds the ids of the bytes [from, to). */
  encode(bytes: Uint8Array, from: number, to: number, out: IdList): void {
    if (to - from > SHORT) this.#encodeLong(bytes, from, to, out);
    else this.#encodeShort(bytes, from, to, out);
  }

  /** Looks for the lowest rank among all neighbours, again and again: for few, nothing is faster. */
  #encodeShort(bytes: Uint8Array, from: number, to: number, out: IdList): void {
    const [ids, ranks, table] = [this.#ids, this.#ranks, this.#table];
    let n = to - from;
    for (let i = 0; i < n; i++) ids[i] = this.byteIds[bytes[from + i] ?? 0] ?? 0;
    for (let i = 0; i + 1 < n; i++) ranks[i] = table.rank(ids[i] ?? 0, ids[i + 1] ?? 0);
    while (n > 1) {
      let least = NO_RANK;
      let at = 0;
      for (let i = 0; i + 1 < n; i++) {
        const rank = ranks[i] ?? NO_RANK;
        if (rank < least) [least, at] = [rank, i];
      }
      if (least === NO_RANK) break;
      ids[at] = this.mergeIds[least] ?? 0;
      n--;
      for (let i = at + 1; i < n; i++) {
        ids[i] = ids[i + 1] ?? 0;
        ranks[i] = ranks[i + 1] ?? NO_RANK;
      }
      if (at > 0) ranks[at - 1] = table.rank(ids[at - 1] ?? 0, ids[at] ?? 0);
      ranks[at] = at + 1 < n ? table.rank(ids[at] ?? 0, ids[at + 1] ?? 0) : NO_RANK;
    }
    for (let i = 0; i < n; i++) out.push(ids[i] ?? 0);
  }

  #encodeLong(bytes: Uint8Array, from: number, to: number, out: IdList): void {
    const ids = new Int32Array(to - from);
    for (let i = 0; i < ids.length; i++) ids[i] = this.byteIds[bytes[from + i] ?? 0] ?? 0;
    const [table, mergeIds] = [this.#table, this.mergeIds];
    const merged = mergeByHeap(
      ids,
      (left, right) => table.rank(left, right),
      (rank) => mergeIds[rank] ?? 0,
    );
    for (let i = 0; i < merged.length; i++) out.push(merged[i] ?? 0);
  }
}
