/** The run's course as lines over steps: loss large, rates small, their cursors joined. */
import type uPlot from 'uplot';
import { axes, colour, Plot } from '../../core/page/plot.ts';
import type { Course, Evaluation } from '../../core/protocol/live.ts';

type Column = (number | null)[];

const SYNC = 'run';

/** Losses seldom span a power of ten, so that the plain ticks of a logarithmic axis would be one or two. */
function logAxes(): uPlot.Axis[] {
  const [x, y] = axes() as [uPlot.Axis, uPlot.Axis];
  return [x, { ...y, splits: (_, __, least, most) => logTicks(least, most), filter: (_, splits) => splits }];
}

/** Round numbers from `least` to `most`: evenly apart up to a factor of ten, beyond it 1, 2 and 5 of each power. */
export function logTicks(least: number, most: number): number[] {
  if (!(least > 0 && most > least)) return [];
  const ticks: number[] = [];
  if (most / least > 10) {
    for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10)
      for (const tick of [power, 2 * power, 5 * power]) if (tick >= least && tick <= most) ticks.push(tick);
    return ticks;
  }
  const raw = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const apart = power * ([1, 2, 5].find((m) => m * power >= raw) ?? 10);
  for (let i = Math.ceil(least / apart); i * apart <= most; i++) ticks.push(+(i * apart).toPrecision(6));
  return ticks;
}

/** The exponential moving average, with the weight of the missing past taken out. `beta` 0 is no smoothing. */
export function smoothed(values: readonly number[], beta: number): number[] {
  let [average, weight] = [0, 0];
  return values.map((value) => {
    average = beta * average + (1 - beta) * value;
    weight = beta * weight + (1 - beta);
    return average / weight;
  });
}

/** Evaluations by bucket: each at the first bucket that reaches its step. */
function byBucket(steps: readonly number[], evaluations: readonly Evaluation[]): Column {
  const column: Column = new Array(steps.length).fill(null);
  let at = 0;
  for (const { step, split, loss } of evaluations) {
    if (split !== 'val') continue;
    while (at < steps.length - 1 && (steps[at] ?? 0) < step) at++;
    if (steps.length > 0) column[at] = loss;
  }
  return column;
}

export class LossChart {
  readonly #plot: Plot;
  readonly #readout: (text: string) => void;
  #log = false;
  #beta = 0.9;
  #last: { course: Course; evaluations: readonly Evaluation[] } | null = null;

  constructor(box: HTMLElement, readout: (text: string) => void) {
    this.#readout = readout;
    this.#plot = new Plot(box, () => this.#options(), 5);
  }

  set log(log: boolean) {
    this.#log = log;
    this.#plot.remake();
  }

  set beta(beta: number) {
    this.#beta = beta;
    if (this.#last !== null) this.show(this.#last.course, this.#last.evaluations);
  }

  show(course: Course, evaluations: readonly Evaluation[]): void {
    this.#last = { course, evaluations };
    const { step, lossMin, lossMax, loss } = course;
    const columns = [step, lossMax, lossMin, loss, smoothed(loss, this.#beta), byBucket(step, evaluations)];
    this.#plot.set(columns as uPlot.AlignedData);
  }

  #options(): Omit<uPlot.Options, 'width' | 'height'> {
    const line = (name: string, width: number): uPlot.Series => ({
      stroke: () => colour(name),
      width,
      points: { show: false },
    });
    const faint = () => colour('--series-1-faint');
    return {
      legend: { show: false },
      cursor: { sync: { key: SYNC }, points: { size: 6 }, drag: { x: true, y: false } },
      scales: { y: this.#log ? { distr: 3, range: (_, least, most) => [least / 1.05, most * 1.05] } : {} },
      axes: this.#log ? logAxes() : axes(),
      series: [
        {},
        { stroke: 'transparent', points: { show: false } },
        { stroke: 'transparent', points: { show: false } },
        { stroke: faint, width: 1, points: { show: false } },
        line('--series-1', 2),
        { ...line('--series-2', 2), spanGaps: true, points: { show: true, size: 5 } },
      ],
      bands: [{ series: [1, 2], fill: faint }],
      hooks: { setCursor: [(plot) => this.#point(plot.cursor.idx ?? null)] },
    };
  }

  #point(index: number | null): void {
    const { course } = this.#last ?? {};
    const step = index === null ? undefined : course?.step[index];
    if (course === undefined || index === null || step === undefined) return this.#readout('');
    this.#readout(`step ${step.toLocaleString('en')}: ${(course.loss[index] ?? Number.NaN).toFixed(4)}`);
  }
}

/** One small line. */
export class SmallChart {
  readonly #plot: Plot;

  constructor(box: HTMLElement, series: string) {
    this.#plot = new Plot(
      box,
      () => ({
        legend: { show: false },
        cursor: { sync: { key: SYNC }, points: { size: 5 }, drag: { x: true, y: false } },
        axes: axes(),
        series: [{}, { stroke: () => colour(series), width: 1.5, points: { show: false } }],
      }),
      1,
    );
  }

  show(steps: readonly number[], values: readonly number[]): void {
    this.#plot.set([[...steps], [...values]]);
  }
}
