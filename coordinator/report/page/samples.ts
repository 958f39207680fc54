/** What the model wrote as it learned, newest first. */
import type { Samples } from '../../../core/protocol/diagnostics.ts';
import { make } from '../../dashboard/dom.ts';
import type { Part } from '../report.ts';
import { figureOf } from './figure.ts';

/** How many are shown before one asks for more. */
const AT_ONCE = 4;

export function showSamples(part: Part<readonly Samples[]>): void {
  const options = {
    id: 'samples',
    title: 'Samples',
    says:
      'What the model wrote at various steps, the newest first: from noise to words that could be from the data; samples ' +
      'that are copies of the data mean that it learns by heart.',
  };
  figureOf(options, part, (card, samples) => {
    const newest = samples.toReversed();
    card.append(list(newest.slice(0, AT_ONCE)));
    if (newest.length <= AT_ONCE) return;
    const more = make('details');
    more.append(
      make('summary', `Earlier ones, back to step ${count(newest.at(-1)?.step ?? 0)}`),
      list(newest.slice(AT_ONCE)),
    );
    card.append(more);
  });
}

const count = (n: number) => n.toLocaleString('en');

function list(samples: readonly Samples[]): HTMLElement {
  const all = make('ol', '', 'samples');
  for (const { step, samples: texts } of samples) {
    const item = make('li');
    item.append(make('h3', `Step ${count(step)}`));
    const isText = texts.some((text) => text.includes('\n') || text.length > 60);
    const box = make('div', '', isText ? 'texts' : 'words');
    box.append(...texts.map((text) => make(isText ? 'pre' : 'span', isText ? text.trim() : text || '(nothing)')));
    item.append(box);
    all.append(item);
  }
  return all;
}
