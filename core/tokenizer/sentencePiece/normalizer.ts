/**
 * What SentencePiece does to a text before it looks for pieces: one Unicode form, spaces as U+2581, one before the text, extra ones
 * removed. Which character of the text each of the outcome's is from can be kept.
 *
 * Source: google/sentencepiece, src/normalizer.cc, for what is done and in which order.
 */
import { SPACE } from './pieces.ts';

/**
 * `identity` leaves characters as they are; `nfkc` is Unicode's NFKC, of this engine's version of Unicode; `nmt_nfkc`, SentencePiece's
 * default, also drops controls and makes spaces of line ends, tabs, and marks that are not seen.
 */
export const FORMS = ['identity', 'nfkc', 'nmt_nfkc'] as const;
export type Form = (typeof FORMS)[number];

export interface Normalization {
  readonly form: Form;
  /** A space is put before the text, so that its first word is a word like any other. */
  readonly addDummyPrefix: boolean;
  /** Spaces at the beginning and the end are dropped, and of several in a row all but one. */
  readonly removeExtraWhitespaces: boolean;
}

export interface Normalized {
  readonly text: string;
  /** Of each UTF-16 unit of `text`, the unit of the original that it is from, or that what it is from begins with. Ascending; empty if not asked for. */
  readonly origins: readonly number[];
}

/** A part of the text that has its form. */
interface Run {
  readonly text: string;
  readonly from: number;
  /** Unit i is from unit from + i; otherwise all are from the first. */
  readonly isVerbatim: boolean;
  /** A user-defined symbol: spaces within it stay. */
  readonly isSymbol: boolean;
}

/**
 * @param symbols matches user-defined symbols, which keep their characters; null if there are none
 * @param isFirst nothing of the text is before it
 */
export function normalize(
  text: string,
  how: Normalization,
  symbols: RegExp | null,
  isFirst: boolean,
  isTracked: boolean,
): Normalized {
  if (text === '') return { text: '', origins: [] };
  let result = '';
  const origins: number[] = [];
  const add = (run: string, from: number, isVerbatim: boolean) => {
    result += run.replaceAll(' ', SPACE);
    if (isTracked) for (let i = 0; i < run.length; i++) origins.push(isVerbatim ? from + i : from);
  };
  if (how.addDummyPrefix && isFirst) add(' ', 0, true);
  let isAfterSpace = true;
  for (const { text: run, from, isVerbatim, isSymbol } of runsOf(text, how.form, symbols, isTracked)) {
    if (!how.removeExtraWhitespaces) add(run, from, isVerbatim);
    else if (isSymbol) {
      const kept: string = isAfterSpace ? run.replace(/^ +/, '') : run;
      add(kept, from + run.length - kept.length, true);
      if (kept !== '') isAfterSpace = kept.endsWith(' ');
    } else
      for (const match of run.matchAll(/ +|[^ ]+/g)) {
        const isSpace = match[0].startsWith(' ');
        if (!(isSpace && isAfterSpace))
          add(isSpace ? ' ' : match[0], isVerbatim ? from + match.index : from, isVerbatim);
        isAfterSpace = isSpace;
      }
  }
  if (how.removeExtraWhitespaces) {
    let end = result.length;
    while (end > 0 && result[end - 1] === SPACE) end--;
    result = result.slice(0, end);
    if (isTracked) origins.length = end;
  }
  return { text: result, origins };
}

function* runsOf(text: string, form: Form, symbols: RegExp | null, isTracked: boolean): Generator<Run> {
  let from = 0;
  if (symbols !== null)
    for (const match of text.matchAll(symbols)) {
      if (match.index > from) yield* formed(text.slice(from, match.index), from, form, isTracked);
      yield { text: match[0], from: match.index, isVerbatim: true, isSymbol: true };
      from = match.index + match[0].length;
    }
  if (from < text.length) yield* formed(text.slice(from), from, form, isTracked);
}

function* formed(text: string, from: number, form: Form, isTracked: boolean): Generator<Run> {
  const whole = inForm(text, form);
  if (whole === text) yield { text, from, isVerbatim: true, isSymbol: false };
  else if (!isTracked) yield { text: whole, from, isVerbatim: false, isSymbol: false };
  else {
    const runs = Array.from(text.matchAll(CLUSTER), (match) => {
      const normal = inForm(match[0], form);
      return { text: normal, from: from + match.index, isVerbatim: normal === match[0], isSymbol: false };
    });
    // Of no version of Unicode known do characters of two clusters become one; where they did, all would be from the beginning.
    if (runs.map((run) => run.text).join('') === whole) yield* runs;
    else yield { text: whole, from, isVerbatim: false, isSymbol: false };
  }
}

function inForm(text: string, form: Form): string {
  switch (form) {
    case 'identity':
      return text;
    case 'nfkc':
      return text.normalize('NFKC');
    case 'nmt_nfkc':
      // What it treats in its own way parts what is before from what is after it.
      return text
        .replaceAll(ORDINARY, (run) => run.normalize('NFKC'))
        .replaceAll(DROPPED, '')
        .replaceAll(BLANK, ' ');
    default:
      return form satisfies never;
  }
}

/** nmt_nfkc's own rules: what it drops, what it makes spaces of, and a wave dash that it keeps. Source: src/builder.cc. */
const DROPS = '\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f';
const BLANKS = '\\t\\n\\f\\r\\u1680\\u200b\\u200c\\u200e\\u200f\\u2028\\u2029\\u2581\\ufeff\\ufffd';
const DROPPED = new RegExp(`[${DROPS}]`, 'g');
const BLANK = new RegExp(`[${BLANKS}]`, 'g');
const ORDINARY = new RegExp(`[^${DROPS}${BLANKS}\\uff5e]+`, 'gu');

/** What may become one with the characters before it: marks, parts of Hangul syllables in all their widths, half-width voicing. */
const JOINING = '\\p{M}\\u1160-\\u11ff\\u3131-\\u318e\\ud7b0-\\ud7fb\\uff9e-\\uffdc';
/** Characters that take their form together, apart from all others; as many printable ASCII ones as stand alone. */
const CLUSTER = new RegExp(`[\\x20-\\x7e]+(?![${JOINING}])|[^][${JOINING}]*`, 'gu');
