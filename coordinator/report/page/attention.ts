/** What each head attends to: all of them small, one of them large. */
import * as Plot from '@observablehq/plot';
import { make } from '../../dashboard/dom.ts';
import type { Attention, AttentionMap, Part } from '../report.ts';
import { drawn, figureOf } from './figure.ts';
import { heatMap } from './heat.ts';
import { visible } from './marks.ts';

/** @param unit what its symbols are */
export function showAttention(part: Part<Attention>, unit: string): void {
  const options = {
    id: 'attention',
    title: 'Attention',
    says:
      `For every head, how much each ${unit} of a short text (rows) takes from those before it (columns), strongest ` +
      `in colour where most; a head that has learned something shows a pattern, such as a stripe below the diagonal (the ${unit} before) ` +
      'or columns at spaces and line ends, and a smooth fade has learned nothing yet. Choose a head to enlarge it.',
  };
  figureOf(options, part, (card, { context, maps }) => {
    let chosen = maps[0];
    const box = make('div', '', 'attention');
    const heads = make('div', '', 'heads');
    const large = make('div', '', 'large');
    const title = make('h3');
    large.append(title);
    box.append(heads, large);
    card.append(box);
    const redraw = drawn(large, (width) => enlarged(Math.min(width, 620), context, chosen));
    const choose = (map: AttentionMap) => {
      chosen = map;
      title.textContent = `${map.layer}, ${map.head}`;
      for (const button of heads.querySelectorAll('button')) button.ariaPressed = String(button.title === label(map));
      redraw();
    };
    drawn(
      heads,
      () => {
        const all = make('div', '', 'layers');
        for (const layer of new Set(maps.map((map) => map.layer))) {
          const row = make('div', '', 'layer');
          row.append(make('span', layer, 'quiet'));
          for (const map of maps.filter((map) => map.layer === layer))
            row.append(thumbnail(map, map === chosen, choose));
          all.append(row);
        }
        return all;
      },
      'thumbnails',
    );
    if (chosen !== undefined) choose(chosen);
  });
}

const label = ({ layer, head }: AttentionMap) => `${layer}, ${head}`;

function thumbnail(map: AttentionMap, isChosen: boolean, choose: (map: AttentionMap) => void): HTMLElement {
  const button = make('button', '', 'head');
  button.type = 'button';
  button.title = label(map);
  button.ariaLabel = label(map);
  button.ariaPressed = String(isChosen);
  button.append(heatMap(map.weights.length, map.weights.length, (i, j) => shade(map.weights[i]?.[j] ?? 0)));
  button.addEventListener('click', () => choose(map));
  return button;
}

/** Small weights can be told from none. */
const shade = (weight: number) => Math.sqrt(weight);

function enlarged(width: number, context: readonly string[], map: AttentionMap | undefined): Node {
  const cells = (map?.weights ?? []).flatMap((row, i) =>
    row.flatMap((weight, j) => (j <= i ? [{ i, j, weight }] : [])),
  );
  const symbol = (i: number) => visible(context[i] ?? '');
  const at = context.map((_, i) => i);
  // Tokens are words: they stand beside their rows, and upright above their columns.
  const isLong = context.some((_, i) => [...symbol(i)].length > 2);
  const margin = isLong ? 72 : 26;
  return Plot.plot({
    ...{ width, height: width, marginLeft: margin, marginTop: margin, marginRight: 6, marginBottom: 6, padding: 0.04 },
    style: { fontSize: width < 480 ? '8px' : '13px', background: 'none', overflow: 'visible' },
    x: { domain: at, axis: 'top', label: null, tickFormat: symbol, tickSize: 0, tickRotate: isLong ? -90 : 0 },
    y: { domain: at, label: null, tickFormat: symbol, tickSize: 0 },
    color: { type: 'linear', domain: [0, 1], range: ['var(--sunken)', 'var(--series-1)'] },
    marks: [
      Plot.cell(cells, {
        ...{ x: 'j', y: 'i' },
        fill: { value: (c: (typeof cells)[number]) => mix(shade(c.weight)), scale: null },
      }),
      Plot.tip(
        cells,
        Plot.pointer({
          x: 'j',
          y: 'i',
          title: (c: (typeof cells)[number]) =>
            `${symbol(c.i)} takes ${(100 * c.weight).toFixed(1)} % from ${symbol(c.j)}`,
        }),
      ),
    ],
  });
}

const mix = (t: number) => `color-mix(in srgb, var(--series-1) ${(100 * t).toFixed(1)}%, var(--sunken))`;
