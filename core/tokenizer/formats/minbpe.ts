/**
 * minbpe's two files, the lecture's: `.model`, which is read again, and `.vocab`, which is for people to look at.
 *
 * A `.model` is text: a line `minbpe v1`, the pattern (an empty line for none), the number of special tokens and a line for each,
 * "text id", then a line for each merge, "left right"; the i-th makes the token 256 + i.
 */
import { UserError } from '../../errors.ts';
import { BasicTokenizer } from '../basic.ts';
import type { BytePairs } from '../merging/bytePairs.ts';
import type { Pair } from '../merging/pairs.ts';
import { RegexTokenizer } from '../regex.ts';
import { toText } from '../utf8.ts';

const VERSION = 'minbpe v1';

export const isMinbpe = (text: string): boolean => text.startsWith(`${VERSION}\n`) || text.startsWith(`${VERSION}\r\n`);

/** @throws UserError for a vocabulary whose ids are not in order, which the format cannot say, or a line end in a special token or the pattern */
export function writeMinbpe(tokenizer: BasicTokenizer | RegexTokenizer): string {
  const { pairs, special } = tokenizer;
  if (pairs.byteIds.some((id, byte) => id !== byte) || pairs.mergeIds.some((id, rank) => id !== 256 + rank))
    throw new UserError(
      'a .model file holds bytes and merges in the order of their ids, and this tokenizer has another: write tokenizer.json instead.',
    );
  if (tokenizer instanceof RegexTokenizer && /[\r\n]/.test(tokenizer.pattern))
    throw new UserError(
      'the pattern has a line end, which a .model file cannot hold: write it as \\n, or write tokenizer.json instead.',
    );
  const lines = [VERSION, tokenizer instanceof RegexTokenizer ? tokenizer.pattern : '', String(special.size)];
  for (const [text, id] of special) {
    if (/[\r\n]/.test(text))
      throw new UserError(
        `the special token ${JSON.stringify(text)} has a line end, which a .model file cannot hold: write tokenizer.json instead.`,
      );
    lines.push(`${text} ${id}`);
  }
  for (const [left, right] of pairs.merges) lines.push(`${left} ${right}`);
  return `${lines.join('\n')}\n`;
}

/** @param from what to call the file. @throws UserError where it is none */
export function readMinbpe(text: string, from: string): BasicTokenizer | RegexTokenizer {
  const lines = text.split(/\r?\n/);
  const wrong = (line: number, what: string): never => {
    throw new UserError(`${from} is no minbpe model: line ${line + 1} should be ${what}.`);
  };
  if (lines[0] !== VERSION) wrong(0, `"${VERSION}"`);
  const pattern = lines[1] ?? '';
  const count = /^\d{1,9}$/.test(lines[2] ?? '') ? Number(lines[2]) : wrong(2, 'the number of special tokens');
  const special = new Map<string, number>();
  for (let i = 3; i < 3 + count; i++) {
    const [, token, id] = /^(.+) (\d{1,9})$/s.exec(lines[i] ?? '') ?? wrong(i, 'a special token and its id');
    if (token !== undefined) special.set(token, Number(id));
  }
  const merges: Pair[] = [];
  for (let i = 3 + count; i < lines.length; i++) {
    if (lines[i] === '' && i === lines.length - 1) break;
    const [, left, right] = /^(\d{1,9}) (\d{1,9})$/.exec(lines[i] ?? '') ?? wrong(i, 'two token ids, "left right"');
    merges.push([Number(left), Number(right)]);
  }
  return pattern === '' ? new BasicTokenizer(merges, special) : new RegexTokenizer(pattern, { merges }, special);
}

/** Each token as a person reads it: `[parts] -> [whole] id`. Tokens that are no whole characters have U+FFFD in them. */
export function writeVocab(tokenizer: {
  readonly pairs: BytePairs;
  readonly special: ReadonlyMap<string, number>;
}): string {
  const { pairs, special } = tokenizer;
  const shown = (id: number) => renderToken(pairs.bytesOf(id) ?? new Uint8Array(0));
  const lines: [id: number, line: string][] = [];
  for (const id of pairs.byteIds) lines.push([id, `[${shown(id)}] ${id}`]);
  for (const [rank, [left, right]] of pairs.merges.entries()) {
    const id = pairs.mergeIds[rank] ?? 0;
    lines.push([id, `[${shown(left)}][${shown(right)}] -> [${shown(id)}] ${id}`]);
  }
  for (const [text, id] of special) lines.push([id, `[${text}] ${id}`]);
  return `${lines
    .toSorted(([a], [b]) => a - b)
    .map(([, line]) => line)
    .join('\n')}\n`;
}

/** A token's text with control characters written out, so that none of them moves the cursor. */
export const renderToken = (bytes: Uint8Array): string =>
  toText(bytes).replaceAll(/\p{C}/gu, (c) => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
