/** The run's loss since this volunteer came: a line that grows by a point a second, thinned out when it gets long. */
import { axes, colour, Plot } from '../../core/page/plot.ts';

const MOST = 1200;

export class LossChart {
  readonly #plot: Plot;
  #steps: number[] = [];
  #losses: number[] = [];

  constructor(into: HTMLElement) {
    const line = { stroke: () => colour('--series-1'), width: 2, points: { show: false } };
    this.#plot = new Plot(
      into,
      () => ({ legend: { show: false }, cursor: { show: false }, axes: axes(44), series: [{}, line] }),
      1,
    );
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
    this.#plot.set([this.#steps, this.#losses]);
  }
}
