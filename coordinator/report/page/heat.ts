/** Small heat maps on a canvas: from the theme's surface to its first colour. */
import { make } from '../../dashboard/dom.ts';

type Rgb = readonly [number, number, number];

/** A colour of the theme as it is now, in numbers. */
function rgb(name: string): Rgb {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const part = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
}

/** A pixel a cell. @param strength of a cell, from 0 to 1 */
export function heatMap(rows: number, columns: number, strength: (row: number, column: number) => number) {
  const canvas = make('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (context === null) return canvas;
  const [from, to] = [rgb('--sunken'), rgb('--series-1')];
  const pixels = context.createImageData(columns, rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const t = Math.min(1, Math.max(0, strength(i, j)));
      const mixed = from.map((x, c) => x + t * ((to[c] ?? 0) - x));
      pixels.data.set([...mixed, 255], 4 * (i * columns + j));
    }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
