/** What a classifier of points in the plane decides everywhere, as a picture: coloured cells, and the examples on top. */
import type { Example } from './moonsData.ts';

/** One side of a cell, in the units of the data. */
const CELL = 0.1;
/** Beyond the outermost example. */
const MARGIN = 0.5;
/** Pixels a unit. */
const SCALE = 150;

// Blue and orange, which people with any kind of colour vision can tell apart; the shapes differ too.
const SIDES = {
  above: { cell: '#f6d7b8', point: '#c2590a' },
  below: { cell: '#c5d9ef', point: '#1f5fa8' },
} as const;

const sideOf = (score: number) => (score > 0 ? SIDES.above : SIDES.below);

/** @param score what the classifier says of a point: above 0, or not. @returns an SVG, as text */
export function surface(score: (x: readonly [number, number]) => number, examples: readonly Example[]): string {
  const [left, right] = range(examples.map(({ x }) => x[0]));
  const [bottom, top] = range(examples.map(({ x }) => x[1]));
  const columns = Math.round((right - left) / CELL);
  const rows = Math.round((top - bottom) / CELL);

  const px = (length: number) => (length * SCALE).toFixed(1);
  const cells: string[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // A cell has the colour of its middle.
      const { cell } = sideOf(score([left + (column + 0.5) * CELL, top - (row + 0.5) * CELL]));
      cells.push(
        `<rect x="${px(column * CELL)}" y="${px(row * CELL)}" width="${px(CELL)}" height="${px(CELL)}" fill="${cell}"/>`,
      );
    }
  }
  const points = examples.map(({ x: [x0, x1], y }) => {
    const [x, y0] = [px(x0 - left), px(top - x1)];
    const style = `fill="${sideOf(y).point}" stroke="white"`;
    return y > 0
      ? `<circle cx="${x}" cy="${y0}" r="5" ${style}/>`
      : `<rect x="-4.5" y="-4.5" width="9" height="9" transform="translate(${x} ${y0})" ${style}/>`;
  });
  const size = `0 0 ${px(columns * CELL)} ${px(rows * CELL)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${size}" width="${px(columns * CELL)}" role="img">`,
    '<title>The decision surface: the side that each point of the plane is put on, and the examples</title>',
    // Without this, edges of neighbouring cells show as thin lines.
    `<g shape-rendering="crispEdges">${cells.join('\n')}</g>`,
    `<g>${points.join('\n')}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

/** Whole cells around the values and a margin. */
function range(values: readonly number[]): [number, number] {
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - MARGIN;
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) + MARGIN;
  return [Math.floor(least / CELL) * CELL, Math.ceil(most / CELL) * CELL];
}
