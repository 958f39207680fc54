/** The counts as a picture: a square of cells, row after row, each with its pair, its count, and the bluer the more there are. */
import type { Table } from './counting.ts';

/** One side of a cell, in pixels. */
const CELL = 44;
/** White for none, the last blue for the largest count, and even steps between. From the middle on, white is read better. */
const SHADES = [
  [255, 255, 255],
  [84, 158, 205],
  [8, 48, 107],
] as const;
const MIDDLE = 0.5;

/** @param symbols of the rows and columns. @returns an SVG, as text */
export function heatMap(counts: Table, symbols: readonly string[]): string {
  const largest = counts.reduce((most, row) => row.reduce((a, b) => Math.max(a, b), most), 1);
  const cells = counts.flatMap((row, r) =>
    Array.from(row, (n, c) => cell(r, c, `${symbols[r]}${symbols[c]}`, n, n / largest)),
  );
  const side = counts.length * CELL;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" width="${side}" role="img">`,
    '<title>How often each character (column) follows each (row); a full stop is the beginning and the end of a word</title>',
    '<style>text { font: 13px sans-serif; text-anchor: middle; white-space: pre } .count { font-size: 11px }</style>',
    ...cells,
    '</svg>',
    '',
  ].join('\n');
}

function cell(row: number, column: number, pair: string, count: number, part: number): string {
  const [x, y] = [column * CELL, row * CELL];
  const middle = x + CELL / 2;
  return [
    `<g fill="${part < MIDDLE ? '#222' : 'white'}">`,
    `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${shade(part)}" stroke="#e4e4e4"/>`,
    `<text x="${middle}" y="${y + 18}">${escaped(pair)}</text>`,
    `<text class="count" x="${middle}" y="${y + 35}">${count}</text></g>`,
  ].join('');
}

function shade(part: number): string {
  const [none, middle, all] = SHADES;
  const [from, to] = part < MIDDLE ? [none, middle] : [middle, all];
  const along = part < MIDDLE ? part / MIDDLE : (part - MIDDLE) / (1 - MIDDLE);
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * along)).join(' ')})`;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
