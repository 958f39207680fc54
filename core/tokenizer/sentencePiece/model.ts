/**
 * Reads SentencePiece's `.model` files: a Protocol Buffers message with the pieces and how the model was trained. Only what decides
 * the ids of a text is read; a model that needs more than there is here is refused, so that what is opened gives SentencePiece's ids.
 *
 * Source: google/sentencepiece, src/sentencepiece_model.proto, for the numbers of the fields.
 */
import { UserError } from '../../errors.ts';
import { FORMS, type Form } from './normalizer.ts';
import type { Kind, Piece } from './pieces.ts';
import { fieldsOf, type Value } from './protobuf.ts';
import { SentencePieceTokenizer, UNKNOWN_SURFACE } from './sentencePiece.ts';

/** The first field is a piece, whose first field is its text, shorter than 126 bytes: "<unk>" in most files. */
export const isSentencePieceModel = (bytes: Uint8Array): boolean => {
  const [field = 0, size = 0, inner = 0, length = 0] = bytes;
  return field === 0x0a && inner === 0x0a && size < 128 && length > 0 && length + 2 <= size;
};

/** @param from what to call the file. @throws UserError where it is damaged, or of a kind that is not read here */
export function readSentencePieceModel(bytes: Uint8Array, from: string): SentencePieceTokenizer {
  const pieces: Piece[] = [];
  let trainer: Trainer = { type: 'unigram', isSuffix: false, unknownSurface: UNKNOWN_SURFACE };
  let normalizer: Normalizer = { ...DEFAULT_NORMALIZER };
  for (const { number, value } of fieldsOf(bytes, from)) {
    if (number === 1) pieces.push(readPiece(bytesOf(value, from), pieces.length, from));
    else if (number === 2) trainer = readTrainer(bytesOf(value, from), from);
    else if (number === 3) normalizer = readNormalizer(bytesOf(value, from), from);
    else if (number === 5 && readNormalizer(bytesOf(value, from), from).rules > 0)
      throw new UserError(
        `${from} changes characters when it decodes, which is not supported: take a model without denormalization.`,
      );
  }
  if (trainer.type !== 'bpe')
    throw new UserError(
      `${from} is a SentencePiece model of the type ${trainer.type}: only those of the type bpe can be read.`,
    );
  if (trainer.isSuffix || !normalizer.escapes)
    throw new UserError(`${from} writes spaces in a way that is not supported: take a model with U+2581 before words.`);
  return new SentencePieceTokenizer({
    pieces,
    form: formOf(normalizer, from),
    addDummyPrefix: normalizer.addDummyPrefix,
    removeExtraWhitespaces: normalizer.removeExtraWhitespaces,
    unknownSurface: trainer.unknownSurface,
  });
}

function formOf({ name, rules }: Normalizer, from: string): Form {
  if (rules === 0) return 'identity';
  const form = FORMS.find((known) => known === name);
  if (form !== undefined && form !== 'identity') return form;
  throw new UserError(
    `${from} normalizes text by the rules ${JSON.stringify(name)}: only models with the rules ${FORMS.join(', ')} can be read.`,
  );
}

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [1, 'normal'],
  [2, 'unknown'],
  [3, 'control'],
  [4, 'userDefined'],
  [5, 'unused'],
  [6, 'byte'],
]);

function readPiece(message: Uint8Array, id: number, from: string): Piece {
  let text = '';
  let score = 0;
  let kind: Kind = 'normal';
  for (const { number, value } of fieldsOf(message, from)) {
    if (number === 1) text = textOf(value, from);
    else if (number === 2) score = floatOf(value, from);
    else if (number === 3) {
      const found = value.wire === 'varint' ? KINDS.get(value.number) : undefined;
      if (found === undefined) throw new UserError(`${from} is damaged: its piece ${id} is of no known kind.`);
      kind = found;
    }
  }
  return { text, score, kind };
}

interface Trainer {
  readonly type: string;
  readonly isSuffix: boolean;
  readonly unknownSurface: string;
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'unigram'],
  [2, 'bpe'],
  [3, 'word'],
  [4, 'char'],
]);

function readTrainer(message: Uint8Array, from: string): Trainer {
  let type = 'unigram';
  let isSuffix = false;
  let unknownSurface = UNKNOWN_SURFACE;
  for (const { number, value } of fieldsOf(message, from)) {
    if (number === 3) type = TYPES.get(numberOf(value, from)) ?? 'unknown';
    else if (number === 24) isSuffix = numberOf(value, from) !== 0;
    else if (number === 44) unknownSurface = textOf(value, from);
  }
  return { type, isSuffix, unknownSurface };
}

interface Normalizer {
  readonly name: string;
  /** The bytes of its compiled rules: with none, characters stay as they are. */
  readonly rules: number;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  /** Spaces become U+2581. */
  readonly escapes: boolean;
}

const DEFAULT_NORMALIZER: Normalizer = {
  name: '',
  rules: 0,
  addDummyPrefix: true,
  removeExtraWhitespaces: true,
  escapes: true,
};

function readNormalizer(message: Uint8Array, from: string): Normalizer {
  let { name, rules, addDummyPrefix, removeExtraWhitespaces, escapes } = DEFAULT_NORMALIZER;
  for (const { number, value } of fieldsOf(message, from)) {
    if (number === 1) name = textOf(value, from);
    else if (number === 2) rules = bytesOf(value, from).length;
    else if (number === 3) addDummyPrefix = numberOf(value, from) !== 0;
    else if (number === 4) removeExtraWhitespaces = numberOf(value, from) !== 0;
    else if (number === 5) escapes = numberOf(value, from) !== 0;
  }
  return { name, rules, addDummyPrefix, removeExtraWhitespaces, escapes };
}

const wrongKind = (from: string): UserError =>
  new UserError(`${from} is damaged: one of its fields is of another kind than SentencePiece writes.`);

function bytesOf(value: Value, from: string): Uint8Array {
  if (value.wire !== 'bytes') throw wrongKind(from);
  return value.bytes;
}

function numberOf(value: Value, from: string): number {
  if (value.wire !== 'varint') throw wrongKind(from);
  return value.number;
}

function floatOf(value: Value, from: string): number {
  if (value.wire !== 'fixed' || value.bytes.length !== 4) throw wrongKind(from);
  return new DataView(value.bytes.buffer, value.bytes.byteOffset, 4).getFloat32(0, true);
}

function textOf(value: Value, from: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(value, from));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${from} is damaged: one of its texts is no UTF-8.`);
  }
}
