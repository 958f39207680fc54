/** GPT-4's pattern, that of cl100k_base, scanned by hand. */
import { classAt, LETTER, NUMBER, OTHER, runEnd, SPACE, widthAt } from './classes.ts';
import type { Splitter } from './splitter.ts';

/** Source: openai/tiktoken, tiktoken_ext/openai_public.py, as it was when the lecture was given. */
export const GPT4_PATTERN =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";

const APOSTROPHE = 0x27;
const BLANK = 0x20;
/** Without regard to case, which in Unicode makes "ſ", the long s, an s. */
const SHORT = /^[sdmtſ]/i;
const LONG = /^(?:ll|ve|re)/i;

const isLineEnd = (unit: number): boolean => unit === 10 || unit === 13;

export const gpt4Splitter: Splitter = {
  pattern: GPT4_PATTERN,
  end(text, from) {
    const unit = text.charCodeAt(from);
    if (unit === APOSTROPHE && from + 1 < text.length) {
      const after = text.slice(from + 1, from + 3);
      if (SHORT.test(after)) return from + 2;
      if (LONG.test(after)) return from + 3;
    }
    const kind = classAt(text, from);
    if (kind === LETTER) return runEnd(text, from, LETTER);
    if (kind === NUMBER) {
      let end = from;
      for (let i = 0; i < 3 && end < text.length && classAt(text, end) === NUMBER; i++) end += widthAt(text, end);
      return end;
    }
    const second = from + widthAt(text, from);
    // One character that is neither letter, number nor line end goes with the letters after it.
    if (!isLineEnd(unit) && second < text.length && classAt(text, second) === LETTER)
      return runEnd(text, second, LETTER);
    const start = unit === BLANK && second < text.length && classAt(text, second) === OTHER ? second : from;
    if (kind === OTHER || start !== from) {
      let end = runEnd(text, start, OTHER);
      while (end < text.length && isLineEnd(text.charCodeAt(end))) end++;
      return end;
    }
    const end = runEnd(text, from, SPACE);
    // To its last line end; else all but its last character, which goes with what follows, unless that would be nothing.
    for (let i = end - 1; i >= from; i--) if (isLineEnd(text.charCodeAt(i))) return i + 1;
    return end === text.length || end === from + 1 ? end : end - 1;
  },
};
