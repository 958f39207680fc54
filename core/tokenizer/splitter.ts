/**
 * How a text is cut into chunks before pairs are merged: no token crosses from one chunk into the next. A splitter is a pattern of
 * a regular expression, matched again and again from where it last ended; what no match covers is a chunk of its own, so that nothing
 * is lost.
 *
 * The two patterns that the lectures use are scanned by hand (gpt2Splitter.ts, gpt4Splitter.ts); here any other is left to the
 * engine, and so are those two, as the reference.
 */
import { UserError } from '../errors.ts';
import { WHITE_SPACE } from './classes.ts';

export interface Splitter {
  /** As it is published, for Python's `regex`. */
  readonly pattern: string;
  /** Where the chunk that begins at `from`, below the text's length, ends. */
  end(text: string, from: number): number;
}

/**
 * The same pattern for JavaScript. `\s` and `\S` become Unicode's White_Space; a possessive quantifier becomes a greedy one, which
 * is the same unless what follows it could match what it took.
 */
export function toJavaScript(pattern: string): RegExp {
  let source = '';
  let inBrackets = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? '';
    if (c === '\\') {
      const escaped = pattern[++i] ?? '';
      if (escaped === 's') source += inBrackets ? WHITE_SPACE : `[${WHITE_SPACE}]`;
      else if (escaped === 'S' && !inBrackets) source += `[^${WHITE_SPACE}]`;
      else source += c + escaped;
      continue;
    }
    if (c === '[') inBrackets = true;
    if (c === ']') inBrackets = false;
    const isPossessive = c === '+' && !inBrackets && /[?*+}]/.test(pattern[i - 1] ?? '') && pattern[i - 2] !== '\\';
    if (!isPossessive) source += c;
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
      // An empty match, before a lookahead say, ends nothing.
      return match.index > from ? match.index : Math.max(from + 1, from + match[0].length);
    },
  };
}
