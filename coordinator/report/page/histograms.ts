/** Histograms laid over one another, a line each: the lecture's way to compare layers at a glance. */
import * as Plot from '@observablehq/plot';
import type { Distribution } from '../../../core/protocol/diagnostics.ts';
import { colours, plot } from './marks.ts';

export interface Named {
  readonly name: string;
  readonly distribution: Distribution;
}

/** What lies further out than this is left of the picture, in the widest one's standard deviations. */
const REACH = 4;

/** @param unit what is on the x axis */
export function overlaid(width: number, named: readonly Named[], unit: string): Node {
  const reach = Math.max(...named.map(({ distribution: d }) => Math.abs(d.mean) + REACH * d.std));
  const bins = named.flatMap(({ name, distribution: { histogram } }) => {
    const { lo, hi, counts } = histogram;
    const bin = (hi - lo) / counts.length;
    const total = counts.reduce((a, b) => a + b, 0);
    return counts.map((count, i) => ({ name, at: lo + (i + 0.5) * bin, density: bin > 0 ? count / total / bin : 0 }));
  });
  const lowest = Math.min(...named.map(({ distribution }) => distribution.histogram.lo));
  const highest = Math.max(...named.map(({ distribution }) => distribution.histogram.hi));
  return plot(width, {
    x: { label: unit, domain: [Math.max(lowest, -reach), Math.min(highest, reach)] },
    y: { label: 'density', zero: true },
    color: { domain: named.map(({ name }) => name), range: colours(named.length) },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      Plot.lineY(bins, { x: 'at', y: 'density', z: 'name', stroke: 'name', strokeWidth: 1.75, clip: true }),
      Plot.tip(bins, Plot.pointer({ x: 'at', y: 'density', title: (b: (typeof bins)[number]) => b.name })),
    ],
  });
}
