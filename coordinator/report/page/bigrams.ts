/** The table of a bigram model, and the counts it should have learned: pair and number in each cell, as the lecture draws it. */
import * as Plot from '@observablehq/plot';
import { make } from '../../dashboard/dom.ts';
import type { Bigrams } from '../report.ts';
import { drawn, figure } from './figure.ts';
import { visible } from './marks.ts';

/** Larger tables have no room for words. */
const MAX_WORDED = 40;
const CELL = 40;

export function showBigrams({ symbols, probabilities, counts }: Bigrams): void {
  const learned = figure({
    id: 'bigrams',
    title: 'What follows what, as the model has it',
    says:
      'The probability, in per cent, that the model gives each character (columns) after each other (rows), darker where ' +
      'more likely: good looks like the counts of the data below, row by row.',
  });
  table(learned, symbols, probabilities, (p) => (p < 0.0005 ? '0' : (100 * p).toFixed(1)));
  const counted = figure({
    id: 'counts',
    title: 'What follows what, as counted',
    says:
      'How often each character (columns) comes after each other (rows) in the data: what a bigram model can learn is ' +
      'this table, each row divided by its sum, and nothing more.',
  });
  if ('found' in counts) table(counted, symbols, counts.found, (n) => n.toLocaleString('en'));
  else counted.append(make('p', counts.absent, 'absent'));
}

function table(
  card: HTMLElement,
  symbols: readonly string[],
  values: readonly (readonly number[])[],
  told: (value: number) => string,
): void {
  const most = Math.max(...values.flat());
  const cells = values.flatMap((row, i) => row.map((value, j) => ({ i, j, value })));
  const pair = ({ i, j }: { i: number; j: number }) => `${visible(symbols[i] ?? '')}${visible(symbols[j] ?? '')}`;
  const at = symbols.map((_, i) => i);
  const isWorded = symbols.length <= MAX_WORDED;
  const share = ({ value }: { value: number }) => Math.sqrt(value / most);
  const box = make('div', '', 'scroll');
  box.tabIndex = 0;
  card.append(box);
  drawn(box, (width) => {
    const side = Math.max(width, isWorded ? symbols.length * CELL : 0);
    const axis = (i: number) => visible(symbols[i] ?? '');
    return Plot.plot({
      ...{ width: side, height: side, marginLeft: 24, marginTop: 24, marginRight: 4, marginBottom: 4, padding: 0.02 },
      style: { fontSize: '12px', background: 'none', overflow: 'visible', maxWidth: 'none' },
      x: { domain: at, axis: 'top', label: null, tickFormat: axis, tickSize: 0 },
      y: { domain: at, label: null, tickFormat: axis, tickSize: 0 },
      marks: [
        Plot.cell(cells, {
          ...{ x: 'j', y: 'i' },
          fill: {
            value: (c: (typeof cells)[number]) =>
              `color-mix(in srgb, var(--series-1) ${(100 * share(c)).toFixed(1)}%, var(--sunken))`,
            scale: null,
          },
        }),
        ...(isWorded
          ? [-7, 7].map((dy) =>
              Plot.text(cells, {
                ...{ x: 'j', y: 'i', dy, fontSize: dy < 0 ? 11 : 10 },
                text: (c: (typeof cells)[number]) => (dy < 0 ? pair(c) : told(c.value)),
                fill: {
                  value: (c: (typeof cells)[number]) => (share(c) > 0.72 ? 'var(--on-accent)' : 'var(--text)'),
                  scale: null,
                },
              }),
            )
          : []),
        Plot.tip(
          cells,
          Plot.pointer({ x: 'j', y: 'i', title: (c: (typeof cells)[number]) => `${pair(c)}: ${told(c.value)}` }),
        ),
      ],
    });
  });
}
