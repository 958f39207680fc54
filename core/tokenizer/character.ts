/**
 * A token for each character, a Unicode code point: the first tokenizer of the lectures. This is the one of running text; that of
 * lines, in data/vocabulary.ts, adds a token that marks where a line begins and ends.
 */
import { UserError } from '../errors.ts';
import type { AllowedSpecial, Tokenizer } from './tokenizer.ts';
import { concatenate, toBytes } from './utf8.ts';

/** Ids that a run computes with travel as uint16, which holds 0 to 65,535. */
export const MAX_IDS = 65_536;

function describe(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `${JSON.stringify(character)} (U+${code})`;
}

export function describeLine(line: string, number: number | undefined): string {
  const shown = JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}...` : line);
  return number === undefined ? shown : `line ${number}, ${shown},`;
}

/** The distinct characters of some texts, a lone surrogate as U+FFFD, in the order of their code points: Python's `sorted(set(text))`. */
export function distinctCharacters(texts: Iterable<string>): string[] {
  const distinct = new Set<string>();
  for (const text of texts) for (const character of text.toWellFormed()) distinct.add(character);
  // The default sort is by UTF-16 unit, which puts U+1F600 before U+FF21.
  return [...distinct].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
}

const NONE: ReadonlyMap<string, number> = new Map();

/** Ids in the order in which the characters were given, after those that are reserved. There are no special tokens. */
export class CharacterTokenizer implements Tokenizer {
  readonly special = NONE;
  /** symbols[id] is the character of an id. */
  readonly symbols: readonly string[];
  readonly #ids = new Map<string, number>();
  readonly #reserved: number;

  /**
   * @param chars the characters, each once: a string, or a list of single code points
   * @param reserved symbols with a meaning of their own, which come first and may not be among the characters
   * @throws UserError on a repeated or reserved character, a string of several, none at all, or too many
   */
  constructor(chars: Iterable<string>, reserved: readonly string[] = []) {
    const symbols = [...reserved, ...chars];
    const count = symbols.length - reserved.length;
    const most = MAX_IDS - reserved.length;
    if (count === 0) throw new UserError('a vocabulary needs at least one character: give some text.');
    if (count > most) {
      throw new UserError(
        `the text has ${count} distinct characters, more than the ${most} that a character ` +
          'vocabulary can hold: give a text with fewer.',
      );
    }
    const without = reserved.map((symbol) => `, without ${JSON.stringify(symbol)}`).join('');
    for (const [id, symbol] of symbols.entries()) {
      if ([...symbol].length !== 1 || !symbol.isWellFormed()) {
        throw new UserError(`${JSON.stringify(symbol)} is not one character: give a vocabulary as single characters.`);
      }
      if (this.#ids.has(symbol)) {
        throw new UserError(`a vocabulary has the character ${describe(symbol)} twice: give each once${without}.`);
      }
      this.#ids.set(symbol, id);
    }
    this.symbols = symbols;
    this.#reserved = reserved.length;
  }

  /** The vocabulary of a text's own characters. @throws UserError on more distinct characters than ids */
  static fromText(text: string): CharacterTokenizer {
    return new CharacterTokenizer(distinctCharacters([text]));
  }

  /** The number of symbols, the reserved ones included. */
  get vocabSize(): number {
    return this.symbols.length;
  }

  /** The characters without the reserved ones: what the same vocabulary is made of again. */
  get chars(): string {
    return this.symbols.slice(this.#reserved).join('');
  }

  /** The id of a character, or undefined where the vocabulary does not have it. */
  idOf(character: string): number | undefined {
    return this.#ids.get(character);
  }

  /**
   * The ids of a text, one for each code point. A lone surrogate is read as U+FFFD.
   *
   * @param number the line of its file that the text begins on, for errors
   * @throws UserError on a character that is not in the vocabulary
   */
  encode(given: string, _allowedSpecial: AllowedSpecial = 'none_raise', number?: number): Uint32Array<ArrayBuffer> {
    const text = given.toWellFormed();
    // A code point is one or two UTF-16 units.
    const ids = new Uint32Array(text.length);
    let count = 0;
    let unit = 0;
    for (const character of text) {
      const id = this.#ids.get(character);
      if (id === undefined) this.#refuse(text, unit, character, number);
      ids[count++] = id;
      unit += character.length;
    }
    return count === ids.length ? ids : ids.slice(0, count);
  }

  count(given: string): number {
    const text = given.toWellFormed();
    let count = 0;
    let unit = 0;
    for (const character of text) {
      if (!this.#ids.has(character)) this.#refuse(text, unit, character, undefined);
      count++;
      unit += character.length;
    }
    return count;
  }

  bytesOf(id: number): Uint8Array {
    return toBytes(this.#symbolOf(id));
  }

  decodeBytes(ids: Iterable<number>): Uint8Array<ArrayBuffer> {
    return concatenate(Array.from(ids, (id) => this.bytesOf(id)));
  }

  decode(ids: Iterable<number>): string {
    let text = '';
    for (const id of ids) text += this.#symbolOf(id);
    return text;
  }

  /** All of the text, but for half of a character at its end. */
  safeEnd(text: string): number {
    const last = text.charCodeAt(text.length - 1);
    return last >= 0xd800 && last < 0xdc00 ? text.length - 1 : text.length;
  }

  #symbolOf(id: number): string {
    const symbol = this.symbols[id];
    if (symbol === undefined) throw new RangeError(`id ${id} is not in a vocabulary of ${this.vocabSize}`);
    return symbol;
  }

  /** Says on which line of the text the character at `unit` stands. */
  #refuse(text: string, unit: number, character: string, number: number | undefined): never {
    const before = text.slice(0, unit).split('\n');
    const line = text.slice(unit - (before.at(-1)?.length ?? 0)).split('\n', 1)[0] ?? '';
    throw new UserError(
      `${describeLine(line, number === undefined ? undefined : number + before.length - 1)} has the character ` +
        `${describe(character)}, which is not among the ${this.vocabSize - this.#reserved} of the vocabulary: ` +
        'remove it from the text, or train on a text that has it.',
    );
  }
}
