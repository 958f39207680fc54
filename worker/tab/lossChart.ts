/** The run's loss since this volunteer came: a line that grows by a point a second, thinned out when it gets long. */
import uPlot from 'uplot';

const MOST = 1200;
const HEIGHT = 160;

export class LossChart {
  readonly #plot: uPlot;
  #steps: number[] = [];
  #losses: number[] = [];

  constructor(into: HTMLElement) {
    const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = {
      stroke: () => colour('--quiet'),
      grid: { stroke: () => colour('--line'), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width: into.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, size: 28 },
          { ...axis, size: 44 },
        ],
        series: [{}, { stroke: () => colour('--series-1'), width: 2, points: { show: false } }],
      },
      [[], []],
      into,
    );
    new ResizeObserver(() => this.#plot.setSize({ width: into.clientWidth, height: HEIGHT })).observe(into);
  }

  push(step: number, loss: number | null): void {
    if (loss === null || step === this.#steps.at(-1)) return;
    // The run was taken back to a checkpoint: what came after it has not been.
    if (step < (this.#steps.at(-1) ?? 0)) {
      const kept = this.#steps.filter((s) => s < step).length;
      this.#steps.length = kept;
      this.#losses.length = kept;
    }
    this.#steps.push(step);
    this.#losses.push(loss);
    if (this.#steps.length > MOST) {
      this.#steps = this.#steps.filter((_, i) => i % 2 === 1);
      this.#losses = this.#losses.filter((_, i) => i % 2 === 1);
    }
    this.#plot.setData([this.#steps, this.#losses]);
  }
}
