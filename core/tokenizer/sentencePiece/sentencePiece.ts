/**
 * SentencePiece-style byte-pair encoding, as Llama 2's and Mistral's tokenizers: over code points and not over bytes, with bytes for
 * the characters that the vocabulary has not, and with spaces as characters like others. A text is normalised first, so that its
 * decoding is the normalised text.
 */

import { ChunkCache, LONGEST } from '../merging/chunkCache.ts';
import { IdList } from '../merging/idList.ts';
import { anyOf, SpecialTokens } from '../special.ts';
import type { AllowedSpecial, Offsets, Tokenizer } from '../tokenizer.ts';
import { concatenate, toBytes, toText } from '../utf8.ts';
import { Merger } from './merger.ts';
import { type Normalization, normalize } from './normalizer.ts';
import { boundsOf, type Part } from './offsets.ts';
import { type Piece, Pieces, SPACE } from './pieces.ts';

/** Everything that decides what ids a text has, and what text some ids. */
export interface SentencePieceParts extends Normalization {
  /** By id. */
  readonly pieces: readonly Piece[];
  /** What the unknown piece is decoded to. */
  readonly unknownSurface: string;
}

/** SentencePiece's own: U+2047 between spaces. */
export const UNKNOWN_SURFACE = ' \u2047 ';

export class SentencePieceTokenizer implements Tokenizer {
  readonly parts: SentencePieceParts;
  readonly vocabSize: number;
  readonly #pieces: Pieces;
  readonly #special: SpecialTokens;
  readonly #symbols: RegExp | null;
  readonly #merger: Merger;
  readonly #bytes: readonly Uint8Array[];
  #cache: ChunkCache | null = null;
  readonly #scratch = new IdList();
  /** Whether the text can be cut before spaces and its parts encoded one by one: no piece has a space after another character. */
  readonly #cutsAtSpaces: boolean;

  /** @throws UserError where the pieces are no vocabulary */
  constructor(parts: SentencePieceParts) {
    this.parts = parts;
    this.vocabSize = parts.pieces.length;
    this.#pieces = new Pieces(parts.pieces);
    const special = parts.pieces.flatMap(({ text, kind }, id): [string, number][] =>
      kind === 'control' || kind === 'unknown' ? [[text, id]] : [],
    );
    this.#special = new SpecialTokens(new Map(special));
    const { userDefined } = this.#pieces;
    this.#symbols = anyOf(userDefined);
    this.#merger = new Merger(this.#pieces, this.#symbols);
    this.#bytes = parts.pieces.map((piece) => bytesOfPiece(piece, parts.unknownSurface));
    // How an unused piece is taken apart may depend on the whole text.
    this.#cutsAtSpaces = parts.pieces.every(
      ({ text, kind }) => kind !== 'unused' && !(text.includes(' ') || /[^\u2581]\u2581/.test(text)),
    );
  }

  /** The control symbols and the unknown piece. SentencePiece itself never reads them from texts, which is `none`. */
  get special(): ReadonlyMap<string, number> {
    return this.#special.ids;
  }

  /** The pieces by id, as SentencePiece writes them: with U+2581 for spaces, and bytes as <0x0A>. */
  pieceOf(id: number): string {
    const piece = this.parts.pieces[id];
    if (piece === undefined) throw this.#noToken(id);
    return piece.text;
  }

  encode(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): Uint32Array<ArrayBuffer> {
    const ids = new IdList();
    this.#each(text, allowedSpecial, (from, at, count) => ids.append(from, at, count));
    return ids.take();
  }

  count(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): number {
    let total = 0;
    this.#each(text, allowedSpecial, (_from, _at, count) => {
      total += count;
    });
    return total;
  }

  bytesOf(id: number): Uint8Array {
    const bytes = this.#bytes[id];
    if (bytes === undefined) throw this.#noToken(id);
    return bytes;
  }

  /** The space that opens the text, or with extra ones removed all of them there, is dropped: encoding put it there. */
  bytesInTurn(): (id: number) => Uint8Array {
    const { addDummyPrefix, removeExtraWhitespaces } = this.parts;
    let isAtStart = addDummyPrefix || removeExtraWhitespaces;
    return (id) => {
      const bytes = this.bytesOf(id);
      if (!isAtStart || bytes.length === 0) return bytes;
      const opensWithSpace = bytes[0] === 0x20 && (this.parts.pieces[id]?.text ?? '').startsWith(SPACE);
      const rest = opensWithSpace ? bytes.subarray(1) : bytes;
      if (!removeExtraWhitespaces || rest.length > 0) isAtStart = false;
      return rest;
    };
  }

  decodeBytes(ids: Iterable<number>): Uint8Array<ArrayBuffer> {
    return concatenate(Array.from(ids, this.bytesInTurn()));
  }

  decode(ids: Iterable<number>): string {
    return toText(this.decodeBytes(ids));
  }

  /** A space begins what follows where no piece spans it, and where what is normalised at a text's ends leaves it what it is within. */
  safeEnd(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): number {
    const { addDummyPrefix, removeExtraWhitespaces } = this.parts;
    const spellsSpace = this.#pieces.byteIds !== null || this.#pieces.ids.has(SPACE);
    const isCutSafe = this.#cutsAtSpaces && spellsSpace && addDummyPrefix === removeExtraWhitespaces;
    const { from, to } = this.#special.settled(text, allowedSpecial);
    for (let at = to - 1; isCutSafe && at > from; at--)
      if (text[at] === ' ' && !MAY_BE_SPACE.test(text[at - 1] ?? ' ')) return at;
    return 0;
  }

  encodeWithOffsets(text: string, allowedSpecial: AllowedSpecial = 'none_raise'): Offsets {
    const ids = new IdList();
    const parts: Part[] = [];
    this.#special.cut(
      text,
      allowedSpecial,
      (from, to) => {
        const original = text.slice(from, to).toWellFormed();
        const normalized = normalize(
          original,
          this.parts,
          this.#symbols,
          parts.every((part) => part.isSpecial),
          true,
        );
        const lengths: number[] = [];
        this.#merger.encode(normalized.text, ids, lengths);
        parts.push({ isSpecial: false, original, normalized, lengths });
      },
      (id) => {
        ids.push(id);
        parts.push({ isSpecial: true, original: this.#special.textOf(id) ?? '' });
      },
    );
    return { ids: ids.take(), bounds: boundsOf(parts, ids.length) };
  }

  /** Gives the ids of a text, some of an array at a time. */
  #each(
    text: string,
    allowedSpecial: AllowedSpecial,
    take: (from: Uint32Array, at: number, count: number) => void,
  ): void {
    let isFirst = true;
    const one = new Uint32Array(1);
    this.#special.cut(
      text,
      allowedSpecial,
      (from, to) => {
        const part = text.slice(from, to).toWellFormed();
        this.#eachChunk(normalize(part, this.parts, this.#symbols, isFirst, false).text, take);
        isFirst = false;
      },
      (id) => {
        one[0] = id;
        take(one, 0, 1);
      },
    );
  }

  #eachChunk(text: string, take: (from: Uint32Array, at: number, count: number) => void): void {
    this.#cache ??= new ChunkCache();
    const [cache, scratch, { unknownId }] = [this.#cache, this.#scratch, this.#pieces];
    let isAfterUnknown = false;
    for (let from = 0; from < text.length; ) {
      const to = this.#cutsAtSpaces ? chunkEnd(text, from) : text.length;
      let [ids, at, count] = [cache.ids, 0, 0];
      if (to - from <= LONGEST && cache.find(text, from, to)) [at, count] = [cache.at, cache.count];
      else {
        scratch.truncate(0);
        this.#merger.encode(text.slice(from, to), scratch, null);
        if (to - from <= LONGEST) {
          cache.put(text, from, to, scratch, 0);
          [at, count] = [cache.at, cache.count];
        } else [ids, count] = [scratch.take(), scratch.length];
      }
      const last = ids[at + count - 1];
      // Of unknown pieces in a row one is written, though they be in two chunks.
      if (isAfterUnknown && ids[at] === unknownId) take(ids, at + 1, count - 1);
      else take(ids, at, count);
      isAfterUnknown = last === unknownId;
      from = to;
    }
  }

  #noToken(id: number): RangeError {
    return new RangeError(`${id} is no token of this vocabulary of ${this.vocabSize}`);
  }
}

/** What is a space when it is normalized, or nothing, so that a space after it may be one of several; and some more. */
const MAY_BE_SPACE = /[\p{Z}\p{C}\u2581\ufffd]/u;

/** Where the spaces that a text begins with, and what follows them up to the next space, end. */
function chunkEnd(text: string, from: number): number {
  let at = from;
  while (text[at] === SPACE) at++;
  const next = text.indexOf(SPACE, at);
  return next < 0 ? text.length : next;
}

function bytesOfPiece({ text, kind }: Piece, unknownSurface: string): Uint8Array {
  switch (kind) {
    case 'normal':
    case 'userDefined':
    case 'unused':
      return toBytes(text.replaceAll(SPACE, ' '));
    case 'byte':
      return Uint8Array.of(Number(text.slice(1, -1)));
    case 'unknown':
      return toBytes(unknownSurface);
    case 'control':
      return new Uint8Array(0);
    default:
      return kind satisfies never;
  }
}
