/** Where the model puts the characters, or the tokens. */
import * as Plot from '@observablehq/plot';
import type { EmbeddingPoints, Part } from '../report.ts';
import { drawn, figureOf } from './figure.ts';
import { isNarrow, legend, plot, visible } from './marks.ts';

const KINDS = [
  { name: 'vowels', is: /^[aeiouyäöüAEIOUYÄÖÜ]$/, colour: 'var(--series-2)' },
  { name: 'other letters', is: /^\s?\p{L}+$/u, colour: 'var(--series-1)' },
  { name: 'all else', is: /^/, colour: 'var(--series-3)' },
];

const kindOf = (symbol: string) => KINDS.find(({ is }) => is.test(symbol))?.name ?? '';

/** @param unit what its symbols are */
export function showEmbedding(part: Part<EmbeddingPoints>, unit: string): void {
  const how =
    'found' in part && part.found.explained !== null
      ? `, from ${part.found.dim} dimensions down to the two in which they differ most (${(100 * part.found.explained).toFixed(0)} % of the variance)`
      : '';
  const options = {
    id: 'embedding',
    title: 'Embedding',
    says:
      `Where the model has put each ${unit}${how}: ${unit}s that are used alike come to lie near each other, so that ` +
      'vowels drift together and rare ones stand apart; a shapeless cloud has learned little yet.',
  };
  figureOf(options, part, (card, { points }) => {
    const shown = points.map((point) => ({ ...point, text: visible(point.symbol), kind: kindOf(point.symbol) }));
    const kinds = KINDS.filter(({ name }) => shown.some(({ kind }) => kind === name));
    card.append(legend(kinds));
    drawn(card, (width) =>
      plot(width, {
        height: Math.min(560, Math.max(320, width * 0.55)),
        inset: 14,
        x: { label: null, grid: true, zero: false },
        y: { label: null },
        color: { domain: kinds.map(({ name }) => name), range: kinds.map(({ colour }) => colour) },
        marks: [
          Plot.text(shown, {
            ...{ x: 'x', y: 'y', text: 'text', fill: 'kind', fontWeight: 600 },
            fontSize: isNarrow(width) ? 13 : shown.length > 100 ? 11 : 17,
          }),
          Plot.tip(
            shown,
            Plot.pointer({
              x: 'x',
              y: 'y',
              title: (p: (typeof shown)[number]) => `${p.text}\n${p.x.toFixed(2)}, ${p.y.toFixed(2)}`,
            }),
          ),
        ],
      }),
    );
  });
}
