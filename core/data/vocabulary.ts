// The vocabulary of lines: characters, and one token that marks where a line begins and ends.
// A line here is one word, as in makemore; running text has no such token (tokenizer/character.ts).

import { UserError } from '../errors.ts';
import { CharacterTokenizer, describeLine, distinctCharacters } from '../tokenizer/character.ts';
import type { AllowedSpecial } from '../tokenizer/tokenizer.ts';

/** The token that stands before and after every word, and its id. */
export const BOUNDARY = '.';
export const BOUNDARY_ID = 0;

function refuseBoundary(line: string, number: number | undefined): never {
  throw new UserError(
    `${describeLine(line, number)} has a "${BOUNDARY}", which marks the beginning and end of every word: ` +
      'replace it by another character or remove the line.',
  );
}

/** Characters to ids and back. Id 0 is the boundary, which decodes to "."; the others follow in the order they were given. */
export class Vocabulary extends CharacterTokenizer {
  /**
   * @param chars the characters after the boundary, each once: a string, or a list of single code points
   * @throws UserError on a repeated or boundary character, a string of several, none at all, or more than 65,535
   */
  constructor(chars: Iterable<string>) {
    super(chars, [BOUNDARY]);
  }

  /**
   * The vocabulary of the distinct characters of some words, in the order of their code points.
   *
   * @param numbers where each line stands in its file, for errors; by default 1, 2, 3, ...
   * @throws UserError on a line with a "." or more distinct characters than ids
   */
  static fromLines(lines: readonly string[], numbers?: readonly number[]): Vocabulary {
    for (const [index, line] of lines.entries())
      if (line.includes(BOUNDARY)) refuseBoundary(line, numbers?.[index] ?? index + 1);
    return new Vocabulary(distinctCharacters(lines));
  }

  /**
   * The ids of a word, without boundaries.
   *
   * @param number where the line stands in its file, for errors
   * @throws UserError on a "." or a character that is not in the vocabulary
   */
  override encode(line: string, allowedSpecial?: AllowedSpecial, number?: number): Uint32Array<ArrayBuffer> {
    if (line.includes(BOUNDARY)) refuseBoundary(line, number);
    return super.encode(line, allowedSpecial, number);
  }
}
