/** The run in a few numbers. */
import { $ } from '../../../core/page/element.ts';
import { duration, integer, short } from '../../../core/page/format.ts';
import { make } from '../../dashboard/dom.ts';
import type { Report } from '../report.ts';

export function showSummary({ name, summary }: Report): void {
  document.title = `${name} – manygrad report`;
  $('name').textContent = name;
  $('what').textContent = `${summary.model}, trained on ${summary.data || 'data of its own'}`;
  const { steps, trainLoss, valLoss, tokensPerSecond, seconds, workers, paramsSha256 } = summary;
  const tiles: readonly (readonly [title: string, value: string, note?: string | undefined])[] = [
    ['Parameters', summary.parameters === null ? '–' : integer(summary.parameters)],
    ['Steps', integer(steps.made), steps.made < steps.goal ? `of ${integer(steps.goal)}` : undefined],
    ['Training loss', trainLoss?.toFixed(4) ?? '–'],
    ['Validation loss', valLoss?.toFixed(4) ?? '–'],
    ['Tokens a second', tokensPerSecond === null ? '–' : short(Math.round(tokensPerSecond))],
    ['Time', seconds === null ? '–' : seconds < 1 ? 'under 1 s' : duration(seconds)],
    ['Workers seen', workers === null ? '–' : integer(workers.length), workers?.slice(0, 3).join(', ')],
    [
      'Parameters’ SHA-256',
      paramsSha256?.slice(0, 8) ?? '–',
      paramsSha256 === null ? undefined : 'the same on any machine',
    ],
  ];
  const card = make('section', '', 'card');
  card.id = 'summary';
  card.ariaLabel = 'The run in a few numbers';
  const list = make('dl', '', 'figures');
  for (const [title, value, note] of tiles) {
    const box = make('div');
    box.append(make('dt', title), make('dd', value));
    if (note) box.append(make('dd', note, 'note'));
    list.append(box);
  }
  card.append(list);
  $('figures').append(card);
}
