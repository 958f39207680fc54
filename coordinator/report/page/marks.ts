/** What all plots have in common: type, margins, ticks, and colours that follow the theme. */
import * as Plot from '@observablehq/plot';
import { short } from '../../../core/page/format.ts';
import { make } from '../../dashboard/dom.ts';

/** A narrow page has room for fewer ticks. */
export const isNarrow = (width: number): boolean => width < 480;

/** A plot's frame. Its own options come on top. */
export function plot(width: number, options: Plot.PlotOptions): Node {
  return Plot.plot({
    width,
    height: isNarrow(width) ? 240 : 300,
    marginLeft: 52,
    marginRight: 16,
    marginTop: 28,
    marginBottom: 36,
    style: { fontSize: '12px', background: 'none', overflow: 'visible' },
    ...options,
    x: { ticks: isNarrow(width) ? 4 : 8, tickFormat: tick, labelArrow: 'none', labelAnchor: 'right', ...options.x },
    y: { ticks: 5, tickFormat: tick, labelArrow: 'none', grid: true, ...options.y },
  });
}

/**
 * A colour for each of `count` things that have an order, from indigo over green to orange: equally light, and as the theme
 * wants it.
 */
export function colours(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const hue = 285 - (count < 2 ? 0 : (i / (count - 1)) * 245);
    return `oklch(var(--lines-lightness) var(--lines-chroma) ${hue.toFixed(0)})`;
  });
}

/** More names than this are a page of their own. */
const MAX_NAMES = 14;

/** What each colour stands for; of a crowd the first and the last, since its colours have an order. */
export function legend(
  entries: readonly { readonly name: string; readonly colour: string; readonly dashed?: boolean }[],
) {
  const list = make('ul', '', 'legend');
  const [first, last] = [entries[0], entries.at(-1)];
  if (entries.length > MAX_NAMES && first !== undefined && last !== undefined) {
    const item = make(
      'li',
      `${first.name} … ${last.name}: ${entries.length}, in the model’s order; point at a line for its name`,
    );
    item.className = 'crowd';
    item.style.setProperty('--of', `linear-gradient(90deg, ${entries.map(({ colour }) => colour).join(', ')})`);
    list.append(item);
    return list;
  }
  for (const { name, colour, dashed } of entries) {
    const item = make('li', name);
    item.style.setProperty('--of', colour);
    if (dashed) item.className = 'dashed';
    list.append(item);
  }
  return list;
}

/** A labelled choice. `chose` is called with the index of what is chosen. */
export function choice(label: string, options: readonly string[], at: number, chose: (index: number) => void) {
  const field = make('label', '', 'control');
  const select = make('select');
  for (const [i, text] of options.entries()) select.append(new Option(text, String(i), i === at, i === at));
  select.addEventListener('change', () => chose(select.selectedIndex));
  field.append(make('span', label), select);
  return field;
}

/** A slider over recorded steps. `chose` is called with the index of the step. */
export function stepSlider(steps: readonly number[], at: number, chose: (index: number) => void) {
  const field = make('label', '', 'control');
  const slider = make('input');
  slider.type = 'range';
  slider.min = '0';
  slider.max = String(steps.length - 1);
  slider.value = String(at);
  const says = make('output');
  const tell = () => {
    says.textContent = (steps[slider.valueAsNumber] ?? 0).toLocaleString('en');
  };
  slider.addEventListener('input', () => {
    tell();
    chose(slider.valueAsNumber);
  });
  tell();
  field.append(make('span', 'Step'), slider, says);
  return field;
}

/** A table of texts in a box that scrolls sideways by itself; the first `names` columns are names. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], names: number): HTMLElement {
  const box = make('div', '', 'table-box');
  const element = make('table');
  const cell = (tag: 'th' | 'td', text: string, i: number) => make(tag, text, i < names ? 'name' : '');
  const line = make('tr');
  line.append(...head.map((text, i) => cell('th', text, i)));
  const top = make('thead');
  top.append(line);
  const body = make('tbody');
  for (const row of rows) {
    const tr = make('tr');
    tr.append(...row.map((text, i) => cell('td', text, i)));
    body.append(tr);
  }
  element.append(top, body);
  box.append(element);
  box.tabIndex = 0;
  return box;
}

const SHOWN: Readonly<Record<string, string>> = { ' ': '␣', '\n': '↵', '\t': '⇥', '\r': '␍', '\u00a0': '⍽' };

/** A symbol, a character or a token, that can be seen: what its spaces and line ends are shown as. */
export function visible(symbol: string): string {
  return [...symbol].map((c) => SHOWN[c] ?? (/^[\p{C}\p{Z}]$/u.test(c) ? codePoint(c) : c)).join('');
}

const codePoint = (c: string) => `U+${(c.codePointAt(0) ?? 0).toString(16)}`;

/** A number on an axis. */
function tick(value: number): string {
  const size = Math.abs(value);
  return minus(size >= 1e-4 && size < 1e-2 ? String(+value.toPrecision(3)) : short(value));
}

/** A number in a table. */
export function told(value: number, digits = 3): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  return minus(size < 1e-3 || size >= 1e5 ? value.toExponential(digits - 2) : value.toPrecision(digits));
}

const minus = (text: string): string => text.replaceAll('-', '−');
