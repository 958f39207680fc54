/**
 * Trains a SentencePiece-style tokenizer on a text, a line a sentence: which characters the vocabulary has, which pieces are merged from
 * them, and in which order all stand in it. The defaults are those with which the lecture (and Meta, Llama 2's tokenizer) trains.
 *
 * Source: google/sentencepiece, src/trainer_interface.cc, for the order of the vocabulary and what may be a piece.
 */
import { UserError } from '../../errors.ts';
import type { Progress } from '../merging/learnMerges.ts';
import { anyOf } from '../special.ts';
import { toBytes } from '../utf8.ts';
import { compareByCodePoints, learnPieces } from './learnPieces.ts';
import { type Normalization, normalize } from './normalizer.ts';
import { bytePiece, type Piece, SPACE } from './pieces.ts';
import { scriptOf } from './scripts.ts';
import { SentencePieceTokenizer, UNKNOWN_SURFACE } from './sentencePiece.ts';

/** SentencePiece's names for them, in camel case, and its meanings. */
export interface SentencePieceOptions extends Partial<Normalization> {
  /** All of the vocabulary: symbols, bytes, pieces and characters. */
  readonly vocabSize: number;
  /** Characters that the vocabulary has not are spelled in bytes, and are not unknown. */
  readonly byteFallback?: boolean;
  /** The most frequent characters that make up this part of the text are in the vocabulary. */
  readonly characterCoverage?: number;
  /** Digits are no part of a piece with other characters. */
  readonly splitDigits?: boolean;
  /** All characters of a piece are of one script; kana count as Han. */
  readonly splitByUnicodeScript?: boolean;
  /** A space stands only at a piece's beginning. */
  readonly splitByWhitespace?: boolean;
  /** Digits are of a script of their own. */
  readonly splitByNumber?: boolean;
  /** Several spaces may be a piece. */
  readonly allowWhitespaceOnlyPieces?: boolean;
  /** In code points. */
  readonly maxPieceLength?: number;
  /** Longer lines, in bytes, are left out. */
  readonly maxSentenceLength?: number;
  /** Where these stand; -1 for nowhere, which the unknown piece cannot. */
  readonly unkId?: number;
  readonly bosId?: number;
  readonly eosId?: number;
  readonly padId?: number;
  /** Symbols that are in no text. */
  readonly controlSymbols?: readonly string[];
  /** Symbols that are one piece wherever they stand in a text. */
  readonly userDefinedSymbols?: readonly string[];
}

export const SENTENCE_PIECE_DEFAULTS = {
  form: 'identity',
  addDummyPrefix: true,
  removeExtraWhitespaces: false,
  byteFallback: true,
  characterCoverage: 0.99995,
  splitDigits: true,
  splitByUnicodeScript: true,
  splitByWhitespace: true,
  splitByNumber: true,
  allowWhitespaceOnlyPieces: true,
  maxPieceLength: 16,
  maxSentenceLength: 4192,
  unkId: 0,
  bosId: 1,
  eosId: 2,
  padId: -1,
  controlSymbols: [],
  userDefinedSymbols: [],
} as const satisfies Omit<SentencePieceOptions, 'vocabSize'>;

type Settings = Required<SentencePieceOptions>;

/**
 * @param progress told of each piece and how often its pair stood
 * @throws UserError where the options do not fit each other, or the vocabulary has no room for the text's characters
 */
export function trainSentencePiece(
  text: string,
  options: SentencePieceOptions,
  progress?: Progress,
): SentencePieceTokenizer {
  const how: Settings = { ...SENTENCE_PIECE_DEFAULTS, ...options };
  const meta = metaPieces(how);
  const sentences = sentencesOf(
    text,
    how,
    [...meta.values()].map((piece) => piece.text),
  );
  const characters = requiredCharacters(sentences, how.characterCoverage);
  const room = how.vocabSize - meta.size - characters.length;
  if (room < 0)
    throw new UserError(
      `a vocabulary of ${how.vocabSize} has no room for ${meta.size} symbols and ${characters.length} characters: make it larger, or lower the character coverage.`,
    );
  const required = new Set(characters);
  const words = [...wordsOf(sentences, how)].map(
    ([word, count]) => [Array.from(word, (c) => (required.has(c) ? c : null)), count] as const,
  );
  const learned = learnPieces(words, { count: room, mayBePiece: (piece) => mayBePiece(piece, how), progress });
  const pieces: Piece[] = [];
  // What is learned has the highest score that is left, the characters, which need no merging, the last.
  const rest = [...learned, ...characters].map((text, i): Piece => ({ text, score: -i, kind: 'normal' }));
  for (let id = 0, next = 0; id < meta.size + rest.length; id++) {
    const piece = meta.get(id) ?? rest[next++];
    if (piece === undefined)
      throw new UserError(
        `the ids of the symbols leave gaps that ${rest.length} pieces do not fill: give smaller ids.`,
      );
    pieces.push(piece);
  }
  const { form, addDummyPrefix, removeExtraWhitespaces } = how;
  return new SentencePieceTokenizer({
    pieces,
    form,
    addDummyPrefix,
    removeExtraWhitespaces,
    unknownSurface: UNKNOWN_SURFACE,
  });
}

/** Symbols and bytes by id: four where the options say, the others at the first ids that are left. */
function metaPieces({ unkId, bosId, eosId, padId, ...how }: Settings): Map<number, Piece> {
  const meta = new Map<number, Piece>();
  const fixed = [
    [unkId, '<unk>', 'unknown'],
    [bosId, '<s>', 'control'],
    [eosId, '</s>', 'control'],
    [padId, '<pad>', 'control'],
  ] as const;
  if (unkId < 0) throw new UserError('the unknown piece must be in the vocabulary: give it an id of 0 or more.');
  for (const [id, text, kind] of fixed) {
    if (id < 0) continue;
    if (meta.has(id)) throw new UserError(`the id ${id} is given to two symbols: give each its own.`);
    meta.set(id, { text, score: 0, kind });
  }
  const known = new Set([...meta.values()].map(({ text }) => text));
  let id = 0;
  const add = (text: string, kind: Piece['kind']) => {
    if (known.has(text)) throw new UserError(`the symbol ${JSON.stringify(text)} is given twice: give it once.`);
    known.add(text);
    while (meta.has(id)) id++;
    meta.set(id, { text, score: 0, kind });
  };
  for (const text of how.controlSymbols) add(text, 'control');
  for (const text of how.userDefinedSymbols) add(text, 'userDefined');
  if (how.byteFallback) for (let byte = 0; byte < 256; byte++) add(bytePiece(byte), 'byte');
  return meta;
}

/** Stands where a symbol stood, since no piece crosses one; a tab of the text is no part of a piece either. */
const BOUNDARY = '\t';
/** SentencePiece keeps it for itself; a line with it is left out. */
const RESERVED = '\u2585';

function sentencesOf(text: string, how: Settings, symbols: readonly string[]): string[] {
  const any = anyOf(symbols);
  return text
    .toWellFormed()
    .split('\n')
    .filter((line) => line !== '' && !line.includes(RESERVED) && toBytes(line).length <= how.maxSentenceLength)
    .map((line) => normalize(line, how, null, true, false).text.replaceAll(any ?? BOUNDARY, BOUNDARY))
    .filter((line) => line !== '');
}

/** The characters of the text, the most frequent first, as many as cover it. */
function requiredCharacters(sentences: readonly string[], coverage: number): string[] {
  const counts = new Map<string, number>();
  let all = 0;
  for (const sentence of sentences)
    for (const character of sentence) {
      if (character === '\0') continue;
      counts.set(character, (counts.get(character) ?? 0) + 1);
      all++;
    }
  const required: string[] = [];
  let covered = 0;
  for (const [character, count] of [...counts].sort(([a, m], [b, n]) => n - m || compareByCodePoints(a, b))) {
    if (Math.fround(covered / all) >= Math.fround(coverage)) break;
    covered += count;
    if (character !== BOUNDARY) required.push(character);
  }
  return required;
}

/** What no piece crosses, with how often it occurs. */
function wordsOf(sentences: readonly string[], how: Settings): Map<string, number> {
  const words = new Map<string, number>();
  const pattern = how.allowWhitespaceOnlyPieces ? /\u2581*[^\u2581]*/g : /\u2581?[^\u2581]*/g;
  for (const sentence of sentences)
    for (const [word] of how.splitByWhitespace ? sentence.matchAll(pattern) : [[sentence]])
      if (word !== '' && word !== undefined) words.set(word, (words.get(word) ?? 0) + 1);
  return words;
}

const isDigit = (character: string): boolean => /^[0-9\uff10-\uff19]$/.test(character);

/** Whether a text may be a piece, and not only characters that stand together. */
function mayBePiece(characters: readonly string[], how: Settings): boolean {
  if (characters.length > how.maxPieceLength) return false;
  const isSpaces = characters.every((character) => character === SPACE);
  // Null where characters of any script may follow.
  let script: string | null = null;
  for (const [i, character] of characters.entries()) {
    if (character === '\0' || character === BOUNDARY) return false;
    if (character === SPACE) {
      if (how.allowWhitespaceOnlyPieces && isSpaces) continue;
      if (i > 0 && (how.splitByWhitespace || i === characters.length - 1)) return false;
      continue;
    }
    if (how.splitDigits && isDigit(character) && characters.length > 1) return false;
    const own: string | null = !how.splitByNumber && isDigit(character) ? null : familyOf(character, script);
    if (how.splitByUnicodeScript && own !== null && script !== null && own !== script) return false;
    script = own;
  }
  return true;
}

/** A character's script: kana are Han, and what takes the script of what it stands on takes it. */
function familyOf(character: string, before: string | null): string | null {
  const script = scriptOf(character);
  if (script === 'Hira' || script === 'Kana' || character === '\u30fc') return 'Hani';
  return script === 'Zinh' ? before : script;
}
