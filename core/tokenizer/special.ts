/** Special tokens: texts that stand for one id each where they are allowed, and are never made by merges. */
import { UserError } from '../errors.ts';
import { MOST_IDS } from './merging/pairs.ts';
import type { AllowedSpecial } from './tokenizer.ts';

/** What every document begins with, by OpenAI's custom: of shards, and of what is sampled. */
export const END_OF_TEXT = '<|endoftext|>';

const quote = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** What `anyOf` looks for, a text and all together, in UTF-16 units: an engine does not take a regular expression of any length. */
const LONGEST = 1000;
const MOST_SOUGHT = 2 ** 20;

/** Matches any of some texts; of two that begin at one place, the longer. Null if there are none. @throws UserError where they are too much */
export function anyOf(texts: Iterable<string>): RegExp | null {
  const longestFirst = [...texts].sort((a, b) => b.length - a.length);
  const all = longestFirst.reduce((sum, text) => sum + text.length, 0);
  if ((longestFirst[0]?.length ?? 0) > LONGEST || all > MOST_SOUGHT)
    throw new UserError(
      `special tokens, or symbols, of more than ${LONGEST} characters, or ${MOST_SOUGHT} together, cannot be looked for: give shorter ones, or fewer.`,
    );
  return longestFirst.length === 0 ? null : new RegExp(longestFirst.map(quote).join('|'), 'g');
}

export class SpecialTokens {
  readonly ids: ReadonlyMap<string, number>;
  readonly #texts: ReadonlyMap<number, string>;
  readonly #all: RegExp | null;
  readonly #longest: number;

  /** @throws UserError where a token is empty, too long or no text, or its id is too large or another's */
  constructor(ids: ReadonlyMap<string, number>) {
    this.ids = ids;
    this.#texts = new Map([...ids].map(([text, id]) => [id, text]));
    if (ids.has('') || this.#texts.size < ids.size)
      throw new UserError('special tokens must be texts that are not empty, each with an id of its own.');
    this.#all = anyOf(ids.keys());
    let longest = 0;
    for (const [text, id] of ids) {
      if (!text.isWellFormed())
        throw new UserError(`the special token ${JSON.stringify(text)} has half a character: give it whole ones.`);
      if (!(id < MOST_IDS))
        throw new UserError(
          `the special token ${JSON.stringify(text)} has the id ${id}, which is above ${MOST_IDS - 1}: give it a smaller one.`,
        );
      longest = Math.max(longest, text.length);
    }
    this.#longest = longest;
  }

  textOf(id: number): string | undefined {
    return this.#texts.get(id);
  }

  /**
   * The ordinary text [from, to) after the last special token that is one whatever follows; at `to` the text ends, or another may have
   * begun.
   * @throws UserError on a token that is not allowed
   */
  settled(text: string, allowed: AllowedSpecial): { readonly from: number; readonly to: number } {
    const sought = this.sought(text, allowed);
    let from = 0;
    if (sought !== null) {
      sought.lastIndex = 0;
      for (let match = sought.exec(text); match !== null; match = sought.exec(text)) {
        const to = this.unfinished(text, from, allowed);
        // What is a token now is none, or the beginning of a longer one, if that which began before it or there goes on.
        if (to <= match.index) return { from, to };
        from = sought.lastIndex;
      }
    }
    return { from, to: this.unfinished(text, from, allowed) };
  }

  /** Where, from `from` on, the first token begins that the text may be too short for; else the text's end. */
  private unfinished(text: string, from: number, allowed: AllowedSpecial): number {
    if (allowed === 'none') return text.length;
    const tokens = [...(typeof allowed === 'string' ? this.ids.keys() : allowed)];
    for (let at = Math.max(from, text.length - this.#longest + 1); at < text.length; at++) {
      const rest = text.slice(at);
      if (tokens.some((token) => token.length > rest.length && token.startsWith(rest))) return at;
    }
    return text.length;
  }

  /** What to look for in a text. @throws UserError on a token that is not allowed, or not known */
  private sought(text: string, allowed: AllowedSpecial): RegExp | null {
    if (allowed === 'none') return null;
    if (allowed === 'all') return this.#all;
    if (allowed !== 'none_raise') {
      for (const token of allowed)
        if (!this.ids.has(token))
          throw new UserError(
            `${JSON.stringify(token)} is no special token of this tokenizer, which has ${this.names}.`,
          );
      return anyOf(allowed);
    }
    if (this.#all === null) return null;
    this.#all.lastIndex = 0;
    const found = this.#all.exec(text);
    if (found === null) return null;
    throw new UserError(
      `the text holds the special token ${JSON.stringify(found[0])}: allow "all" special tokens, or this one, to have it read as such, or "none" to have it read as the text it is.`,
    );
  }

  /** Their texts, for messages. */
  get names(): string {
    return this.ids.size === 0 ? 'none' : [...this.ids.keys()].map((text) => JSON.stringify(text)).join(', ');
  }

  /**
   * Cuts a text at the special tokens that are allowed, telling of what lies between and of each token, in their order.
   * @throws UserError on a token that is not allowed
   */
  cut(
    text: string,
    allowed: AllowedSpecial,
    ordinary: (from: number, to: number) => void,
    special: (id: number) => void,
  ): void {
    const sought = this.sought(text, allowed);
    let from = 0;
    if (sought !== null) {
      sought.lastIndex = 0;
      for (let match = sought.exec(text); match !== null; match = sought.exec(text)) {
        if (match.index > from) ordinary(from, match.index);
        special(this.ids.get(match[0]) ?? 0);
        from = sought.lastIndex;
      }
    }
    if (from < text.length) ordinary(from, text.length);
  }
}
