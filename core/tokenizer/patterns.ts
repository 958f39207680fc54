/** The patterns known by name, each with its scanner. */
import { GPT2_PATTERN, gpt2Splitter } from './gpt2Splitter.ts';
import { GPT4_PATTERN, gpt4Splitter } from './gpt4Splitter.ts';
import { regexSplitter, type Splitter } from './splitter.ts';

export const patterns: Readonly<Record<string, string>> = { gpt2: GPT2_PATTERN, gpt4: GPT4_PATTERN };

/** The pattern of a name, or the pattern itself. */
export const patternNamed = (nameOrPattern: string): string => patterns[nameOrPattern] ?? nameOrPattern;

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

/**
 * So much of a text is cut the same whatever follows it. Of each pattern here, a chunk is sure when two more follow it: only white
 * space looks beyond its own end, and a run of it makes at most two chunks. 0 if the text has fewer.
 */
export function safeCut(splitter: Splitter, text: string): number {
  let [before, last] = [0, 0];
  for (let from = 0; from < text.length; ) {
    const end = splitter.end(text, from);
    [before, last] = [last, from];
    from = end;
  }
  return before;
}
