/** GPT-2's pattern, scanned by hand. */
import { classAt, runEnd, SPACE } from './classes.ts';
import type { Splitter } from './splitter.ts';

/** Source: openai/gpt-2, encoder.py; as tiktoken writes it. */
export const GPT2_PATTERN = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const APOSTROPHE = 0x27;
const BLANK = 0x20;

/** `'s`, `'ll` and their like, in lower case alone. @returns how many units, 0 for none */
function contraction(text: string, at: number): number {
  switch (text[at + 1]) {
    case 's':
    case 'd':
    case 'm':
    case 't':
      return 2;
    case 'l':
      return text[at + 2] === 'l' ? 3 : 0;
    case 'v':
    case 'r':
      return text[at + 2] === 'e' ? 3 : 0;
    default:
      return 0;
  }
}

export const gpt2Splitter: Splitter = {
  pattern: GPT2_PATTERN,
  end(text, from) {
    const unit = text.charCodeAt(from);
    if (unit === APOSTROPHE) {
      const units = contraction(text, from);
      if (units > 0) return from + units;
    }
    const start = unit === BLANK && from + 1 < text.length ? from + 1 : from;
    const kind = classAt(text, start);
    if (kind !== SPACE) return runEnd(text, start, kind);
    // White space, all but its last character where something follows, unless that would be nothing.
    const end = runEnd(text, from, SPACE);
    return end === text.length || end === from + 1 ? end : end - 1;
  },
};
