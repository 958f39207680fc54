/** Tokens as a person sees them on a terminal: each with a colour, white space visible, beside those of another tokenizer. */
import { styleText } from 'node:util';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';

/** A token's text, and how many columns it takes. */
interface Cell {
  readonly text: string;
  readonly width: number;
  /** The text has a line end here. */
  readonly ends: boolean;
}

const COLOURS = ['bgCyan', 'bgYellow', 'bgGreen', 'bgMagenta', 'bgBlue'] as const;
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** A token's text with what cannot be seen made visible; bytes that are no whole character as `\xe4`. */
export function visible(bytes: Uint8Array): string {
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => (byte < 0x80 ? visible(Uint8Array.of(byte)) : hex(byte))).join('');
  }
  return text
    .replaceAll(' ', '·')
    .replaceAll('\n', '↵')
    .replaceAll('\t', '→')
    .replaceAll(/[\p{C}\p{Z}]/gu, (c) => {
      const point = c.codePointAt(0) ?? 0;
      return point < 0x100 ? hex(point) : `\\u{${point.toString(16)}}`;
    });
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60\u3000-\u303f]/u;

/** Columns of a terminal, as well as can be said without asking it. */
function widthOf(text: string): number {
  let width = 0;
  for (const c of text) width += /\p{M}/u.test(c) ? 0 : WIDE.test(c) ? 2 : 1;
  return width;
}

function cellsOf(tokenizer: Tokenizer, ids: Iterable<number>): Cell[] {
  return Array.from(ids, (id) => {
    const bytes = tokenizer.bytesOf(id);
    const text = visible(bytes);
    return { text, width: widthOf(text), ends: bytes.includes(10) };
  });
}

/** Lines of tokens, each line filled up to `width` columns. */
function layOut(cells: readonly Cell[], width: number, coloured: boolean): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  const end = () => {
    lines.push(line + ' '.repeat(Math.max(0, width - used)));
    line = '';
    used = 0;
  };
  for (const [i, { text, width: columns, ends }] of cells.entries()) {
    const takes = columns + (coloured ? 0 : 1);
    if (used > 0 && used + takes > width) end();
    const colour = COLOURS[i % COLOURS.length] ?? 'bgCyan';
    // Without colours a bar ends each token.
    line += coloured ? styleText([colour, 'black'], text, { validateStream: false }) : `${text}|`;
    used += takes;
    if (ends) end();
  }
  if (used > 0) end();
  return lines;
}

const GAP = '  ';
/** Narrower than this, they stand below each other. */
const NARROWEST = 24;

/** The tokens of one text by several tokenizers: beside each other where there is room. */
export function beside(
  tokenizers: readonly (readonly [name: string, tokenizer: Tokenizer])[],
  text: string,
  columns: number,
  coloured: boolean,
): string[] {
  const shared = Math.floor((columns - GAP.length * (tokenizers.length - 1)) / tokenizers.length);
  const width = shared >= NARROWEST ? shared : columns;
  const blocks = tokenizers.map(([name, tokenizer]) => {
    const ids = tokenizer.encode(text, 'none');
    const title = `${name}: ${ids.length} tokens`;
    return [title.slice(0, width).padEnd(width), ...layOut(cellsOf(tokenizer, ids), width, coloured)];
  });
  if (width === columns) return blocks.flat().map((line) => line.trimEnd());
  const height = Math.max(...blocks.map((block) => block.length));
  return Array.from({ length: height }, (_, row) =>
    blocks
      .map((block) => block[row] ?? ' '.repeat(width))
      .join(GAP)
      .trimEnd(),
  );
}
