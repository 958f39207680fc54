/**
 * A tokenizer as plain data, complete and in one fixed form: what a run keeps of it (`tokenizer.json` in its folder), and what its hash
 * is of. For exchange with other tools there are the formats in formats/.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import { BasicTokenizer } from './basic.ts';
import { CharacterTokenizer } from './character.ts';
import { RegexTokenizer } from './regex.ts';
import { FORMS } from './sentencePiece/normalizer.ts';
import { SentencePieceTokenizer } from './sentencePiece/sentencePiece.ts';
import type { Tokenizer } from './tokenizer.ts';
import { toBytes } from './utf8.ts';

export const DESCRIPTION_FORMAT = 'manygrad-tokenizer-1';

const id = z.int().nonnegative();
const special = z.array(z.tuple([z.string().min(1), id]));

/** Byte pairs, cut by a pattern or, where that is null, not at all. */
const bytePairsSchema = z.strictObject({
  format: z.literal(DESCRIPTION_FORMAT),
  kind: z.literal('bytePairs'),
  pattern: z.string().nullable(),
  /** The id of each byte. */
  byteIds: z.array(id).length(256),
  /** Left, right, and the id that they make, in the order of their ranks. */
  merges: z.array(z.tuple([id, id, id])),
  special,
});

/** A token a character: what they are, in the order of their ids. */
const charactersSchema = z.strictObject({
  format: z.literal(DESCRIPTION_FORMAT),
  kind: z.literal('characters'),
  characters: z.string().min(1),
});

/** Pieces by id, and what is done to a text before it is cut into them. */
const sentencePieceSchema = z.strictObject({
  format: z.literal(DESCRIPTION_FORMAT),
  kind: z.literal('sentencePiece'),
  form: z.enum(FORMS),
  addDummyPrefix: z.boolean(),
  removeExtraWhitespaces: z.boolean(),
  unknownSurface: z.string(),
  /** Text, score and kind. */
  pieces: z.array(
    z.tuple([z.string().min(1), z.number(), z.enum(['normal', 'unknown', 'control', 'userDefined', 'unused', 'byte'])]),
  ),
});

export const descriptionSchema = z.discriminatedUnion('kind', [bytePairsSchema, charactersSchema, sentencePieceSchema]);
export type Description = z.infer<typeof descriptionSchema>;

/** @throws UserError for a tokenizer that has no such form */
export function describe(tokenizer: Tokenizer): Description {
  // Not those of lines, whose boundary no text has.
  if (tokenizer instanceof CharacterTokenizer && tokenizer.symbols.length === [...tokenizer.chars].length)
    return { format: DESCRIPTION_FORMAT, kind: 'characters', characters: tokenizer.chars };
  if (tokenizer instanceof SentencePieceTokenizer) return describeSentencePiece(tokenizer);
  if (!(tokenizer instanceof BasicTokenizer || tokenizer instanceof RegexTokenizer))
    throw new UserError('this kind of tokenizer cannot be kept as plain data.');
  const { pairs, special } = tokenizer;
  return {
    format: DESCRIPTION_FORMAT,
    kind: 'bytePairs',
    pattern: tokenizer instanceof RegexTokenizer ? tokenizer.pattern : null,
    byteIds: [...pairs.byteIds],
    merges: pairs.merges.map(([left, right], rank) => [left, right, pairs.mergeIds[rank] ?? 0]),
    special: [...special].toSorted(([, a], [, b]) => a - b),
  };
}

function describeSentencePiece({ parts }: SentencePieceTokenizer): Description {
  const { form, addDummyPrefix, removeExtraWhitespaces, unknownSurface } = parts;
  return {
    format: DESCRIPTION_FORMAT,
    kind: 'sentencePiece',
    form,
    addDummyPrefix,
    removeExtraWhitespaces,
    unknownSurface,
    pieces: parts.pieces.map(({ text, score, kind }) => [text, score, kind]),
  };
}

/** The tokenizer that is described. @throws UserError where its parts do not fit each other */
export function fromDescription(description: Description): Tokenizer {
  switch (description.kind) {
    case 'characters':
      return new CharacterTokenizer(description.characters);
    case 'bytePairs':
      return bytePairsOf(description);
    case 'sentencePiece':
      return sentencePieceOf(description);
    default:
      return description satisfies never;
  }
}

function sentencePieceOf(description: z.infer<typeof sentencePieceSchema>): Tokenizer {
  const { format: _format, kind: _kind, pieces, ...how } = description;
  return new SentencePieceTokenizer({ ...how, pieces: pieces.map(([text, score, kind]) => ({ text, score, kind })) });
}

function bytePairsOf(description: z.infer<typeof bytePairsSchema>): Tokenizer {
  const { pattern, byteIds, merges } = description;
  const special = new Map(description.special);
  const parts = {
    byteIds,
    merges: merges.map(([left, right]) => [left, right] as const),
    mergeIds: merges.map(([, , id]) => id),
  };
  const isPlain = byteIds.every((id, byte) => id === byte) && parts.mergeIds.every((id, rank) => id === 256 + rank);
  if (pattern !== null) return new RegexTokenizer(pattern, parts, special);
  if (!isPlain)
    throw new UserError('a tokenizer of byte pairs without a pattern has its ids in order: this one has not.');
  return new BasicTokenizer(parts.merges, special);
}

/** SHA-256, in hex: of two tokenizers with the same hash, every text has the same ids. */
export const hashOf = (tokenizer: Tokenizer): string =>
  bytesToHex(sha256(toBytes(JSON.stringify(descriptionSchema.parse(describe(tokenizer))))));
