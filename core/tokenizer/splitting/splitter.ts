/**
 * How a text is cut into chunks before pairs are merged: no token crosses from one chunk into the next. A splitter is a pattern of
 * a regular expression, matched again and again from where it last ended; what no match covers is a chunk of its own, so that nothing
 * is lost.
 *
 * The two patterns that the lectures use are scanned by hand (gpt2Splitter.ts, gpt4Splitter.ts); here any other is left to the
 * engine, and so are those two, as the reference.
 */
import { UserError } from '../../errors.ts';
import { widthAt } from './classes.ts';

export interface Splitter {
  /** As it is published, for Python's `regex`. */
  readonly pattern: string;
  /** Where the chunk that begins at `from`, below the text's length, ends. */
  end(text: string, from: number): number;
}

/** What a class written with one letter is in Python's `regex` and in Rust, where it is another in JavaScript. */
const classes: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
};

/**
 * An escape, a class in brackets, a group's beginning, an interval, a quantifier; or any one character. A class's own escapes are
 * translated with those outside.
 */
const PART = /\\[pPu]\{[^}]*\}|\\.|\(\?|\{\d*,?\d*\}|./gsu;

/** Of a pattern. */
const MOST_UNITS = 10_000;

/**
 * The same pattern for JavaScript. `\s` and `\d` become Unicode's White_Space and decimal digits, `.` all but a line feed; a
 * possessive quantifier becomes a greedy one, which is the same unless what follows it could match what it took.
 * @throws UserError where JavaScript cannot read it
 */
export function toJavaScript(pattern: string): RegExp {
  // Those who publish one have a few hundred characters; to read a pattern can take the square of its length.
  if (pattern.length > MOST_UNITS)
    throw new UserError(
      `the pattern has ${pattern.length} characters, and ${MOST_UNITS} are the most: give a shorter one, or gpt2 or gpt4.`,
    );
  let source = '';
  let inBrackets = false;
  let afterQuantifier = false;
  for (const [part] of pattern.matchAll(PART)) {
    if (inBrackets || part.startsWith('\\')) {
      if (part === ']') inBrackets = false;
      source += classes[part.startsWith('\\') ? part.slice(1) : ''] ?? part;
      afterQuantifier = false;
    } else if (part === '+' && afterQuantifier) {
      afterQuantifier = false;
    } else {
      inBrackets = part === '[';
      source += part === '.' ? '[^\\n]' : part;
      // After one, a "?" makes it lazy and is none itself.
      afterQuantifier = !afterQuantifier && /^(?:[?*+]|\{.*\})$/.test(part);
    }
  }
  try {
    return new RegExp(source, 'gu');
  } catch {
    throw new UserError(
      `${JSON.stringify(pattern)} is no regular expression that JavaScript can read: give a simpler pattern, or gpt2 or gpt4.`,
    );
  }
}

/** @throws UserError where JavaScript cannot read the pattern, or it matches nothing at all */
export function regexSplitter(pattern: string): Splitter {
  const regex = toJavaScript(pattern);
  regex.lastIndex = 0;
  if (regex.exec('')?.[0] === '')
    throw new UserError(
      `the pattern ${JSON.stringify(pattern)} matches the empty text, and so cuts none: give one that matches at least a character.`,
    );
  return {
    pattern,
    end(text, from) {
      regex.lastIndex = from;
      const match = regex.exec(text);
      if (match === null) return text.length;
      if (match.index > from) return match.index;
      // An empty match, before a lookahead say, ends nothing: a whole character is taken, though it be of two units.
      return from + (match[0].length || widthAt(text, from));
    },
  };
}
