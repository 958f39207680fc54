/** The run's course: loss, learning rate, gradient norm. */
import * as Plot from '@observablehq/plot';
import type { Course, Curve, Report } from '../report.ts';
import { drawn, figure } from './figure.ts';
import { legend, plot } from './marks.ts';

interface Point {
  readonly step: number;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

function points(step: readonly number[], { mean, spread }: Curve): Point[] {
  return step.flatMap((at, i) => {
    const value = mean[i] ?? null;
    if (value === null) return [];
    return [{ step: at, value, min: spread?.min[i] ?? value, max: spread?.max[i] ?? value }];
  });
}

/** The exponential moving average over a fiftieth of the points, the weight of the missing past taken out. */
function smoothed(all: readonly Point[]): { step: number; value: number }[] {
  const beta = 1 - 1 / Math.max(5, all.length / 50);
  let [average, weight] = [0, 0];
  return all.map(({ step, value }) => {
    average = beta * average + (1 - beta) * value;
    weight = beta * weight + (1 - beta);
    return { step, value: average / weight };
  });
}

/** As read: a line where buckets are of a step, a band between least and most where they are of many. */
function raw(all: readonly Point[], { spread }: Curve): Plot.Markish {
  const faint = 'var(--series-1-faint)';
  if (spread === null) return Plot.lineY(all, { x: 'step', y: 'value', stroke: faint, strokeWidth: 1 });
  return Plot.areaY(all, { x: 'step', y1: 'min', y2: 'max', fill: faint });
}

/** The part of the values that a plot is made for: one mad step would flatten all others. */
function ceiling(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? 1;
}

export function showLoss({ course, evaluations, summary }: Report): void {
  const guess = summary.vocabSize === null ? null : Math.log(summary.vocabSize);
  const val = evaluations.filter(({ split }) => split === 'val');
  const card = figure({
    id: 'loss',
    title: 'Loss',
    says:
      `How surprised the model is by the next ${summary.unit}, in nats a ${summary.unit}: it should fall fast at first and then ` +
      'slowly, begin near the uniform guess, and on validation data stay close to the training loss; where validation ' +
      'rises again, the model learns its data by heart.',
  });
  const all = points(course.step, course.loss);
  const smooth = smoothed(all);
  card.append(
    legend([
      { name: course.loss.spread === null ? 'each step' : 'each step, least to most', colour: 'var(--series-1-faint)' },
      { name: 'training, smoothed', colour: 'var(--series-1)' },
      ...(val.length > 0 ? [{ name: 'validation', colour: 'var(--series-2)' }] : []),
      ...(guess === null ? [] : [{ name: `uniform guess, ${guess.toFixed(2)}`, colour: 'var(--quiet)', dashed: true }]),
    ]),
  );
  const most =
    Math.max(
      ceiling(
        all.map(({ max }) => max),
        0.995,
      ),
      guess ?? 0,
      ...val.map(({ loss }) => loss),
    ) * 1.03;
  const least = Math.min(
    ceiling(
      all.map(({ min }) => min),
      0.002,
    ),
    ...val.map(({ loss }) => loss),
  );
  drawn(card, (width) =>
    plot(width, {
      height: width < 480 ? 260 : 360,
      x: { label: 'step' },
      y: { label: 'loss', domain: [Math.max(0, least - 0.08 * (most - least)), most], clamp: true },
      marks: [
        raw(all, course.loss),
        ...(guess === null ? [] : [Plot.ruleY([guess], { stroke: 'var(--quiet)', strokeDasharray: '4 4' })]),
        Plot.lineY(smooth, { x: 'step', y: 'value', stroke: 'var(--series-1)', strokeWidth: 2 }),
        Plot.lineY(val, { x: 'step', y: 'loss', stroke: 'var(--series-2)', strokeWidth: 1.5 }),
        Plot.dot(val, { x: 'step', y: 'loss', fill: 'var(--series-2)', r: 3.5 }),
        Plot.ruleX(smooth, Plot.pointerX({ x: 'step', stroke: 'var(--line)' })),
        Plot.tip(
          smooth,
          Plot.pointerX({ x: 'step', y: 'value', title: (p: Point) => `step ${count(p.step)}\n${p.value.toFixed(4)}` }),
        ),
      ],
    }),
  );
}

const count = (n: number) => n.toLocaleString('en');

export function showRate({ course }: Report): void {
  const all = points(course.step, course.lr);
  const positive = all.map(({ value }) => value).filter((value) => value > 0);
  const isLog = Math.max(...positive) > 10 * Math.min(...positive);
  const card = figure({
    id: 'rate',
    title: 'Learning rate',
    says:
      'How far each step goes along the gradient: large while there is much to learn, and small at the end, when what ' +
      'is left is to settle.',
    half: true,
  });
  const shown = isLog ? all.filter(({ value }) => value > 0) : all;
  small(card, shown, 'learning rate', isLog ? { type: 'log' } : { zero: true }, [
    Plot.lineY(shown, { x: 'step', y: 'value', stroke: 'var(--series-3)', strokeWidth: 2 }),
  ]);
}

export function showGradNorm({ course }: { readonly course: Course }): void {
  const all = points(course.step, course.gradNorm);
  const positive = all.filter(({ min }) => min > 0);
  const isLog = Math.max(...positive.map(({ max }) => max)) > 30 * Math.min(...positive.map(({ min }) => min));
  const shown = isLog ? positive : all;
  const card = figure({
    id: 'grad-norm',
    title: 'Gradient norm',
    says:
      'The length of the whole gradient at each step: it should keep to one order of magnitude; spikes are batches that ' +
      'shake the model, and a steady climb foretells divergence.',
    half: true,
  });
  small(card, shown, 'norm', isLog ? { type: 'log' } : { zero: true }, [
    raw(shown, course.gradNorm),
    Plot.lineY(smoothed(shown), { x: 'step', y: 'value', stroke: 'var(--series-1)', strokeWidth: 2 }),
  ]);
}

function small(
  card: HTMLElement,
  shown: readonly Point[],
  label: string,
  y: Plot.ScaleOptions,
  marks: readonly Plot.Markish[],
): void {
  drawn(card, (width) =>
    plot(width, {
      height: 230,
      x: { label: 'step', ticks: 5 },
      y: { label, ...y },
      marks: [
        ...marks,
        Plot.tip(
          shown,
          Plot.pointerX({
            x: 'step',
            y: 'value',
            title: (p: Point) => `step ${count(p.step)}\n${p.value.toPrecision(4)}`,
          }),
        ),
      ],
    }),
  );
}
