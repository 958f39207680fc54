/** A chart over steps as all pages draw them: uPlot in the theme's colours. What is drawn is each page's own. */
import uPlot from 'uplot';
import { short } from './format.ts';

/** A colour of the theme, as it is now. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Steps below, and numbers in as few characters as there is room for. */
export function axes(ySize = 48): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: () => colour('--quiet'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return [
    { ...common, size: 28, values: (_, splits) => splits.map((s) => s.toLocaleString('en')) },
    { ...common, size: ySize, values: (_, splits) => splits.map((v) => (v === null ? '' : short(v))) },
  ];
}

/** A plot that fills its box and is drawn at most once a frame, and only while it can be seen. */
export class Plot {
  readonly #box: HTMLElement;
  readonly #options: () => Omit<uPlot.Options, 'width' | 'height'>;
  #plot: uPlot;
  #data: uPlot.AlignedData;
  #asked = false;
  /** Whether a part of the course was dragged open: updates then leave it where it is. */
  #zoomed = false;

  constructor(box: HTMLElement, options: () => Omit<uPlot.Options, 'width' | 'height'>, columns: number) {
    this.#box = box;
    this.#options = options;
    this.#data = [[], ...Array.from({ length: columns }, (): number[] => [])];
    this.#plot = this.#make();
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.remake());
    document.addEventListener('visibilitychange', () => this.#draw());
  }

  set(data: uPlot.AlignedData): void {
    this.#data = data;
    this.#draw();
  }

  /** Makes it anew: its options have changed. */
  remake(): void {
    this.#plot.destroy();
    this.#plot = this.#make();
  }

  #make(): uPlot {
    const options = this.#options();
    this.#zoomed = false;
    options.scales = { ...options.scales, x: { time: false, auto: () => !this.#zoomed } };
    options.hooks = { ...options.hooks, setScale: [(plot, scale) => this.#scaled(plot, scale)] };
    return new uPlot({ ...options, ...this.#size() }, this.#data, this.#box);
  }

  #scaled(plot: uPlot, scale: string): void {
    if (scale !== 'x') return;
    const [steps] = plot.data;
    const { min, max } = plot.scales.x ?? {};
    this.#zoomed = (min ?? Number.NEGATIVE_INFINITY) > (steps[0] ?? 0) || (max ?? Infinity) < (steps.at(-1) ?? 0);
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(100, this.#box.clientWidth), height: this.#box.clientHeight };
  }

  #draw(): void {
    if (this.#asked || document.visibilityState === 'hidden') return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#plot.setData(this.#data);
    });
  }
}
