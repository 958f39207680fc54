/** How every figure stands on the page: a card with a title, a sentence, and a box that is drawn again when its width changes. */
import { $ } from '../../../core/page/element.ts';
import { make } from '../../dashboard/dom.ts';
import type { Part } from '../report.ts';

export interface FigureOptions {
  readonly id: string;
  readonly title: string;
  /** What it shows, and what good looks like. */
  readonly says: string;
  /** Takes half of a wide page. */
  readonly half?: boolean;
}

/** Adds a card at the end of the page, and its title to the contents. */
export function figure({ id, title, says, half = false }: FigureOptions): HTMLElement {
  const card = make('section', '', half ? 'card half' : 'card');
  card.id = id;
  const heading = make('h2', title);
  heading.id = `${id}-title`;
  card.setAttribute('aria-labelledby', heading.id);
  card.append(heading, make('p', says, 'says quiet'));
  $('figures').append(card);
  const link = make('a', title);
  link.href = `#${id}`;
  const item = make('li');
  item.append(link);
  $('contents').append(item);
  return card;
}

/** A figure of what a part holds, or the sentence that says how to get it. */
export function figureOf<T>(options: FigureOptions, part: Part<T>, fill: (card: HTMLElement, found: T) => void): void {
  const card = figure(options);
  if ('found' in part) fill(card, part.found);
  else card.append(make('p', part.absent, 'absent'));
}

const redraws: (() => void)[] = [];

/** Draws all figures again: the theme's colours have changed. */
export function redrawAll(): void {
  for (const redraw of redraws) redraw();
}

/**
 * A box in `parent` that holds what `draw` makes for its width, now, when the width changes, and when asked.
 * @returns draws again
 */
export function drawn(parent: HTMLElement, draw: (width: number) => Node, className = 'plot'): () => void {
  const box = make('div', '', className);
  parent.append(box);
  let width = 0;
  const redraw = () => {
    width = box.clientWidth;
    if (width > 0) box.replaceChildren(draw(width));
  };
  new ResizeObserver(() => {
    if (Math.abs(box.clientWidth - width) >= 1) redraw();
  }).observe(box);
  redraw();
  redraws.push(redraw);
  return redraw;
}
