/** A search for a learning rate as pictures: lines of text for a terminal, an SVG for a file. It finds nothing itself. */
import { places, type RateSearch, shownRange } from './rateFinder.ts';

const PER_DECADE = 5;
const BAR = 40;

/** The rate with as many digits as a person would set. */
export const rateInWords = (rate: number): string => String(Number(rate.toPrecision(2)));

/** A line a rate: its smoothed loss, and a bar as long as that is high. */
export function textPlot(search: RateSearch): string[] {
  const { rates, smoothed, valley, suggestion } = search;
  const { least, most } = shownRange(search);
  const at = places(rates, PER_DECADE);
  const nearest = (rate: number) =>
    at.reduce((best, i) => (offset(rates[i] ?? 0, rate) < offset(rates[best] ?? 0, rate) ? i : best), at[0] ?? 0);
  const [low, good] = [nearest(valley), nearest(suggestion)];
  const lines = at.map((i) => {
    const loss = smoothed[i] ?? 0;
    const bar = '#'.repeat(1 + Math.round(((Math.min(loss, most) - least) / (most - least)) * (BAR - 1)));
    const mark = [...(i === low ? ['valley'] : []), ...(i === good ? ['suggestion'] : [])].join(', ');
    const more = loss > most ? '>' : '';
    return `${(rates[i] ?? 0).toPrecision(2).padStart(8)}  ${shown(loss).padStart(8)}  ${bar}${more}${mark === '' ? '' : `  < ${mark}`}`;
  });
  return [`${'rate'.padStart(8)}  ${'loss'.padStart(8)}`, ...lines];
}

const offset = (a: number, b: number): number => Math.abs(Math.log10(a / b));
const shown = (loss: number): string => (loss < 1000 ? loss.toFixed(3) : loss.toExponential(1));

const [WIDTH, HEIGHT] = [760, 440];
const [LEFT, RIGHT, TOP, BOTTOM] = [60, 20, 48, 48];

/** The losses over the logarithm of the rate, as they were and smoothed, with the findings marked. */
export function svgPlot(search: RateSearch, title: string): string {
  const { rates, losses, smoothed, valley, diverges, suggestion } = search;
  const { least, most } = shownRange(search);
  const room = (most - least) * 0.08;
  const [bottom, top] = [least - 2 * room, most + room];
  const [first, last] = [Math.log10(rates[0] ?? 1), Math.log10(rates.at(-1) ?? 1)];
  const x = (rate: number) => LEFT + ((Math.log10(rate) - first) / (last - first || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (loss: number) => TOP + ((top - loss) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
  const line = (values: readonly number[]) =>
    values.map((loss, i) => `${x(rates[i] ?? 1).toFixed(1)},${y(clamp(loss, bottom, top)).toFixed(1)}`).join(' ');
  const decades = range(Math.ceil(first - 1e-9), Math.floor(last + 1e-9), 1);
  const levels = ticks(bottom, top);
  const mark = (rate: number, color: string, text: string, row: number) => {
    // A suggestion may be lower than all rates that were tried: it stands at the edge, with an arrow.
    const at = Math.max(LEFT, x(rate));
    const words = `${x(rate) < LEFT - 1 ? '← ' : ''}${text} ${rateInWords(rate)}`;
    const [anchor, dx] = at > WIDTH / 2 ? ['end', -5] : ['start', 5];
    return [
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="${color}" stroke-dasharray="4 3"/>`,
      `<text x="${(at + dx).toFixed(1)}" y="${TOP + 14 + 16 * row}" fill="${color}" text-anchor="${anchor}">${words}</text>`,
    ].join('\n');
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="26" font-size="15">${escaped(title)}</text>`,
    ...levels.map(
      (level) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(level).toFixed(1)}" y2="${y(level).toFixed(1)}" stroke="#e3e3e3"/><text x="${LEFT - 8}" y="${(y(level) + 4).toFixed(1)}" text-anchor="end">${Number(level.toPrecision(6))}</text>`,
    ),
    ...decades.map(
      (decade) =>
        `<line x1="${x(10 ** decade).toFixed(1)}" x2="${x(10 ** decade).toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#e3e3e3"/><text x="${x(10 ** decade).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${Number(`1e${decade}`)}</text>`,
    ),
    `<text x="${(WIDTH + LEFT - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">learning rate</text>`,
    `<text x="16" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})">loss</text>`,
    `<polyline points="${line(losses)}" fill="none" stroke="#b9cbe4"/>`,
    `<polyline points="${line(smoothed)}" fill="none" stroke="#1f4e96" stroke-width="2"/>`,
    mark(valley, '#1f4e96', 'valley', 0),
    ...(diverges === null ? [] : [mark(diverges, '#b3261e', 'diverges', 1)]),
    ...(suggestion === valley ? [] : [mark(suggestion, '#2e7d32', 'suggestion', 2)]),
    '</svg>',
    '',
  ].join('\n');
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

const range = (first: number, last: number, by: number): number[] =>
  Array.from({ length: Math.max(0, Math.floor((last - first) / by + 1e-9) + 1) }, (_, i) => first + i * by);

/** Round numbers between two, about five of them. */
function ticks(least: number, most: number): number[] {
  const rough = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const by = [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough) ?? rough;
  return range(Math.ceil(least / by) * by, most, by);
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
