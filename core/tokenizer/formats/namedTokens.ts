/**
 * Vocabularies whose tokens have names, texts in GPT-2's alphabet of bytes, and whose merges are of names: what GPT-2's two files and
 * Hugging Face's one have in common. Not the files themselves.
 */
import { UserError } from '../../errors.ts';
import type { BytePairs, CompleteParts } from '../merging/bytePairs.ts';
import { mergeByHeap } from '../merging/mergeByHeap.ts';
import { NO_RANK } from '../merging/mergeTable.ts';
import { MOST_IDS, type Pair, pairKey } from '../merging/pairs.ts';
import { fromAlphabet, toAlphabet } from './byteAlphabet.ts';

export type NamedMerge = readonly [left: string, right: string];

export interface NamedTokens {
  /** In the order of the ids. */
  readonly ids: ReadonlyMap<string, number>;
  /** By rank. */
  readonly merges: readonly NamedMerge[];
}

/** @throws UserError where two tokens have the same bytes, so that a name would have two ids */
export function toNames(pairs: BytePairs): NamedTokens {
  const name = (id: number) => toAlphabet(pairs.bytesOf(id) ?? new Uint8Array(0));
  const ids = new Map<string, number>();
  for (const id of [...pairs.byteIds, ...pairs.mergeIds].toSorted((a, b) => a - b)) {
    const other = ids.get(name(id));
    if (other !== undefined)
      throw new UserError(
        `the tokens ${other} and ${id} have the same bytes, and a file of named tokens holds one of them: write manygrad's own tokenizer.json instead.`,
      );
    ids.set(name(id), id);
  }
  return { ids, merges: pairs.merges.map(([left, right]) => [name(left), name(right)]) };
}

/**
 * The byte pairs of named tokens, and the tokens that are neither bytes nor merged, special ones for the most part.
 *
 * Some tools list every pair that a token can be made of. Only one of them is ever made, the first that is left when the merges before
 * it are done; so that one is kept.
 * @throws UserError where a byte has no token, or merges and tokens do not fit each other
 */
export function fromNames({ ids, merges }: NamedTokens): {
  readonly parts: CompleteParts;
  readonly rest: ReadonlyMap<string, number>;
} {
  const rest = new Map(ids);
  const byteIds = Array.from({ length: 256 }, (_, byte) => {
    const name = toAlphabet(Uint8Array.of(byte));
    const id = ids.get(name);
    if (id === undefined)
      throw new UserError(`there is no token for the byte ${byte}, ${name}: this is no vocabulary of byte pairs.`);
    rest.delete(name);
    return id;
  });
  const idOf = (name: string) => ids.get(name) ?? 0;
  const ranks = new Map<number, number>();
  const byProduct = Map.groupBy(merges.entries(), ([, [left, right]]) => left + right);
  for (const [rank, [left, right]] of merges.entries()) {
    const [first, second, id] = [ids.get(left), ids.get(right), ids.get(left + right)];
    if (first === undefined || second === undefined || id === undefined || fromAlphabet(left + right) === null)
      throw new UserError(
        `merge ${rank}, of ${left} and ${right}, is of tokens or makes a token that the vocabulary does not have: this is no vocabulary of byte pairs.`,
      );
    if (Math.max(first, second, rank) >= MOST_IDS)
      throw new UserError(
        `merge ${rank}, of ${left} and ${right}, has an id or a rank above ${MOST_IDS - 1}: this is no vocabulary of byte pairs.`,
      );
    if (ranks.has(pairKey(first, second)))
      throw new UserError(`the merge of ${left} and ${right} is listed twice: this is no vocabulary of byte pairs.`);
    ranks.set(pairKey(first, second), rank);
  }
  /** Of the merges that make one token, the rank of that which is made; of the first if none ever is. */
  const rankMade = (name: string, candidates: readonly (readonly [rank: number, merge: NamedMerge])[]) => {
    const first = candidates[0]?.[0];
    if (candidates.length < 2) return first;
    for (const [rank, [left, right]] of candidates) {
      const before = (a: number, b: number) => {
        const found = ranks.get(pairKey(a, b)) ?? NO_RANK;
        return found < rank ? found : NO_RANK;
      };
      const parts = mergeByHeap(Int32Array.from(name, idOf), before, (made) => idOf((merges[made] ?? []).join('')));
      if (parts.length === 2 && parts[0] === idOf(left) && parts[1] === idOf(right)) return rank;
    }
    return first;
  };
  const kept: Pair[] = [];
  const mergeIds: number[] = [];
  for (const [rank, [left, right]] of merges.entries()) {
    const name = left + right;
    if (rank !== rankMade(name, byProduct.get(name) ?? [])) continue;
    rest.delete(name);
    kept.push([idOf(left), idOf(right)]);
    mergeIds.push(idOf(name));
  }
  return { parts: { merges: kept, byteIds, mergeIds }, rest };
}

/** A JSON object of names and ids, in the order given, which an object of JavaScript would not keep of names that are numbers. */
export const namesToJson = (ids: Iterable<readonly [string, number]>): string =>
  `{${Array.from(ids, ([name, id]) => `${JSON.stringify(name)}:${id}`).join(',')}}`;
