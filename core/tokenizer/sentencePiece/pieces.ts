/**
 * A SentencePiece vocabulary: pieces, each a text with a score and a kind; a piece's place is its id. What a model is made of, whether
 * it was read or trained; checked once, here.
 */
import { UserError } from '../../errors.ts';
import { MOST_IDS } from '../merging/pairs.ts';

/** What stands for a space within pieces. */
export const SPACE = '\u2581';

/**
 * What a piece is for. `normal` ones are found in texts by merging; `userDefined` ones wherever they stand, before anything is merged;
 * `unused` ones take part in merging but are taken apart again; `control` ones are never in a text; `byte` ones spell what no other
 * piece does; `unknown`, of which there is one, stands for what has no spelling.
 */
export type Kind = 'normal' | 'unknown' | 'control' | 'userDefined' | 'unused' | 'byte';

export interface Piece {
  readonly text: string;
  /** Of the pieces that neighbours can be merged to, the one of the highest score is. */
  readonly score: number;
  readonly kind: Kind;
}

export const bytePiece = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

export class Pieces {
  readonly list: readonly Piece[];
  /** The ids of what texts are made of: normal, user-defined and unused pieces. */
  readonly ids: ReadonlyMap<string, number>;
  readonly unknownId: number;
  /** The id of each byte; null where a text's rarest characters are unknown. */
  readonly byteIds: Uint32Array | null;
  readonly userDefined: readonly string[];
  /** For each id that texts are made of, the place of its score among all, the highest first: 0, 1, ... */
  readonly ranks: Int32Array;
  /** No piece is longer, in UTF-16 units. */
  readonly longest: number;

  /** @throws UserError where they are no vocabulary */
  constructor(list: readonly Piece[]) {
    this.list = list;
    if (list.length > MOST_IDS)
      throw new UserError(
        `the vocabulary has ${list.length} pieces, more than ${MOST_IDS}: this is no SentencePiece vocabulary.`,
      );
    const ids = new Map<string, number>();
    const others = new Map<string, number>();
    const scores = new Set<number>();
    let unknownId: number | null = null;
    let longest = 0;
    const refuse = (id: number, why: string): never => {
      throw new UserError(
        `piece ${id}, ${JSON.stringify(list[id]?.text.slice(0, 60))}, ${why}: this is no SentencePiece vocabulary.`,
      );
    };
    for (const [id, { text, score, kind }] of list.entries()) {
      if (text === '') refuse(id, 'is empty');
      if (!text.isWellFormed()) refuse(id, 'has half a character');
      if (!Number.isFinite(score)) refuse(id, 'has a score that is no number');
      const isText = kind === 'normal' || kind === 'userDefined' || kind === 'unused';
      const known = isText ? ids : others;
      if (known.has(text)) refuse(id, 'is given twice');
      known.set(text, id);
      if (isText) {
        scores.add(score);
        longest = Math.max(longest, text.length);
      }
      if (kind === 'unknown') {
        if (unknownId !== null) refuse(id, `is a second unknown piece after ${unknownId}`);
        unknownId = id;
      }
    }
    if (unknownId === null)
      throw new UserError('the vocabulary has no unknown piece: this is no SentencePiece vocabulary.');
    this.ids = ids;
    this.unknownId = unknownId;
    this.byteIds = byteIdsOf(list, others);
    this.userDefined = list.filter(({ kind }) => kind === 'userDefined').map(({ text }) => text);
    const order = new Map([...scores].sort((a, b) => b - a).map((score, rank) => [score, rank]));
    this.ranks = Int32Array.from(list, ({ score }) => order.get(score) ?? 0);
    this.longest = longest;
  }
}

/** @throws UserError where there are byte pieces, but not of all bytes */
function byteIdsOf(list: readonly Piece[], ids: ReadonlyMap<string, number>): Uint32Array | null {
  const bytes = list.filter(({ kind }) => kind === 'byte');
  if (bytes.length === 0) return null;
  const byteIds = Uint32Array.from({ length: 256 }, (_, byte) => {
    const id = ids.get(bytePiece(byte));
    if (id === undefined || list[id]?.kind !== 'byte')
      throw new UserError(
        `the vocabulary has byte pieces, but none for ${bytePiece(byte)}: this is no SentencePiece vocabulary.`,
      );
    return id;
  });
  if (bytes.length !== 256)
    throw new UserError(
      `the vocabulary has ${bytes.length} byte pieces instead of 256: this is no SentencePiece vocabulary.`,
    );
  return byteIds;
}
