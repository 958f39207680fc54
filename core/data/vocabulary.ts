// A vocabulary of characters (Unicode code points), with one token that marks where a word begins and ends.
// Not a tokenizer of running text: a line here is one word, as in makemore.

import { UserError } from '../errors.ts';

/** The token that stands before and after every word, and its id. */
export const BOUNDARY = '.';
export const BOUNDARY_ID = 0;

/** Ids travel as uint16. */
export const MAX_SYMBOLS = 65_535;

function describe(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `${JSON.stringify(character)} (U+${code})`;
}

function describeLine(line: string, number: number | undefined): string {
  const shown = JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}...` : line);
  return number === undefined ? shown : `line ${number}, ${shown},`;
}

function refuseBoundary(line: string, number: number | undefined): never {
  throw new UserError(
    `${describeLine(line, number)} has a "${BOUNDARY}", which marks the beginning and end of every word: ` +
      'replace it by another character or remove the line.',
  );
}

/** Characters to ids and back. Id 0 is the boundary; the others follow in the order they were given. */
export class Vocabulary {
  /** symbols[id] is the character of an id. */
  readonly symbols: readonly string[];
  readonly #ids = new Map<string, number>();

  /**
   * @param chars the characters after the boundary, each once: a string, or a list of single code points
   * @throws UserError on a repeated or boundary character, a string of several, none at all, or more than 65,534
   */
  constructor(chars: Iterable<string>) {
    const symbols = [BOUNDARY, ...chars];
    if (symbols.length === 1) throw new UserError('a vocabulary needs at least one character: give some text.');
    if (symbols.length > MAX_SYMBOLS) {
      throw new UserError(
        `the text has ${symbols.length - 1} distinct characters, more than the ${MAX_SYMBOLS - 1} that a character ` +
          'vocabulary can hold: give a text with fewer.',
      );
    }
    for (const [id, symbol] of symbols.entries()) {
      if ([...symbol].length !== 1) {
        throw new UserError(`${JSON.stringify(symbol)} is not one character: give a vocabulary as single characters.`);
      }
      if (this.#ids.has(symbol)) {
        throw new UserError(`a vocabulary has the character ${describe(symbol)} twice: give each once, without ".".`);
      }
      this.#ids.set(symbol, id);
    }
    this.symbols = symbols;
  }

  /**
   * The vocabulary of the distinct characters of some words, in the order of their code points.
   *
   * @param numbers where each line stands in its file, for errors; by default 1, 2, 3, ...
   * @throws UserError on a line with a "." or more distinct characters than ids
   */
  static fromLines(lines: readonly string[], numbers?: readonly number[]): Vocabulary {
    const distinct = new Set<string>();
    for (const [index, line] of lines.entries()) {
      if (line.includes(BOUNDARY)) refuseBoundary(line, numbers?.[index] ?? index + 1);
      for (const character of line) distinct.add(character);
    }
    // The default sort is by UTF-16 unit, which puts U+1F600 before U+FF21.
    return new Vocabulary([...distinct].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0)));
  }

  /** The number of symbols, the boundary included. */
  get size(): number {
    return this.symbols.length;
  }

  /**
   * The ids of a word, u16[number of its code points], without boundaries.
   *
   * @param number where the line stands in its file, for errors
   * @throws UserError on a "." or a character that is not in the vocabulary
   */
  encode(line: string, number?: number): Uint16Array<ArrayBuffer> {
    const ids: number[] = [];
    for (const character of line) {
      if (character === BOUNDARY) refuseBoundary(line, number);
      const id = this.#ids.get(character);
      if (id === undefined) {
        throw new UserError(
          `${describeLine(line, number)} has the character ${describe(character)}, which is not among the ` +
            `${this.size - 1} of the vocabulary: remove it from the text, or train on a text that has it.`,
        );
      }
      ids.push(id);
    }
    return Uint16Array.from(ids);
  }

  /** The word of some ids; a boundary shows as ".". Throws RangeError on an id that is not below `size`. */
  decode(ids: Iterable<number>): string {
    let word = '';
    for (const id of ids) {
      const symbol = this.symbols[id];
      if (symbol === undefined) throw new RangeError(`id ${id} is not in a vocabulary of ${this.size}`);
      word += symbol;
    }
    return word;
  }
}
