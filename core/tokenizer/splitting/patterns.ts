/** The patterns known by name, each with its scanner. */
import { classAt, SPACE } from './classes.ts';
import { GPT2_PATTERN, gpt2Splitter } from './gpt2Splitter.ts';
import { GPT4_PATTERN, gpt4Splitter } from './gpt4Splitter.ts';
import { O200K_PATTERN } from './o200k.ts';
import { regexSplitter, type Splitter } from './splitter.ts';

export const patterns = { gpt2: GPT2_PATTERN, gpt4: GPT4_PATTERN } as const;

/** The pattern of a name, or the pattern itself. */
export const patternNamed = (nameOrPattern: string): string =>
  Object.entries(patterns).find(([name]) => name === nameOrPattern)?.[1] ?? nameOrPattern;

/** Other spellings of the two, which cut every text as they do. */
const scanned = new Map<string, Splitter>([
  [GPT2_PATTERN, gpt2Splitter],
  ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", gpt2Splitter],
  [GPT4_PATTERN, gpt4Splitter],
  [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    gpt4Splitter,
  ],
]);

/** Whether a pattern is one of those two, in a spelling that is known. Its matches leave nothing of a text out. */
export const isScanned = (pattern: string): boolean => scanned.has(pattern);

/** The fastest splitter of a pattern. @throws UserError where JavaScript cannot read it */
export const splitterOf = (pattern: string): Splitter => scanned.get(pattern) ?? regexSplitter(pattern);

/** The chunks of a text, one after the other they are the text. */
export function* chunksOf(splitter: Splitter, text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = splitter.end(text, from);
    yield text.slice(from, end);
    from = end;
  }
}

/** The patterns of which `safeCut` knows how far they look. */
const shortSighted: ReadonlySet<string> = new Set([...scanned.keys(), O200K_PATTERN]);

/**
 * Whether a chunk of these patterns ends between two characters, whatever else is around: a word or number ends there, since what
 * follows is neither, nor a mark, nor an apostrophe. Half of a pair of surrogates may be half of anything.
 */
export const endsWord = (before: string, after: string): boolean =>
  /^[\p{L}\p{N}]$/u.test(before) && /^[^\p{L}\p{N}\p{M}\p{Cs}']$/u.test(after);

/**
 * So much of a text can be cut by itself, whatever follows it. Of the patterns known here, it can be cut where its last word ends.
 * Where it has none, its chunks are looked at: one is sure when two more follow it; and white space alone looks beyond its own end,
 * so that what is cut off must not end with any. 0 of a text of fewer chunks, and of other patterns, which may look as far as they
 * like.
 */
export function safeCut(splitter: Splitter, text: string): number {
  if (!shortSighted.has(splitter.pattern)) return 0;
  for (let at = text.length - 1; at > 0; at--)
    if (endsWord(text[at - 1] ?? '', String.fromCodePoint(text.codePointAt(at) ?? 0))) return at;
  let [safe, before, last] = [0, 0, 0];
  for (let from = 0; from < text.length; ) {
    const end = splitter.end(text, from);
    [before, last] = [last, from];
    if (before > 0 && classAt(text, before - 1) !== SPACE) safe = before;
    from = end;
  }
  return safe;
}
