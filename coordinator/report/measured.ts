/** Reads diagnostics.jsonl: a few steps whole, and one ratio of many. */
import { type Diagnostics, diagnosticsSchema } from '../../core/protocol/diagnostics.ts';
import { jsonLines } from '../jsonLines.ts';
import { rounded, Thinned } from './buckets.ts';
import type { Measured, Part } from './report.ts';

/** A recorded step is some 20 kB of a page: as many as a slider can tell apart. */
const MAX_SNAPSHOTS = 16;
const MAX_RATIOS = 500;

interface Ratios {
  readonly step: number;
  readonly updates: ReadonlyMap<string, number>;
}

export async function measured(file: string): Promise<Part<Measured>> {
  const snapshots = new Thinned<Diagnostics>(MAX_SNAPSHOTS);
  const ratios = new Thinned<Ratios>(MAX_RATIOS);
  for await (const line of jsonLines(file, diagnosticsSchema)) {
    snapshots.push(line);
    const matrices = line.parameters.filter(({ shape }) => shape.length === 2);
    ratios.push({ step: line.step, updates: new Map(matrices.map((p) => [p.name, p.updateToData])) });
  }
  if (snapshots.items.length === 0)
    return {
      absent: 'This run has measured nothing inside its model: train with --diagnostics every=100 to see this figure.',
    };
  const steps = ratios.items;
  const names = new Set(steps.flatMap(({ updates }) => [...updates.keys()]));
  const lines = [...names].map((name) => ({ name, log10: steps.map(({ updates }) => log10(updates.get(name))) }));
  return { found: { snapshots: snapshots.items, updates: { step: steps.map(({ step }) => step), lines } } };
}

const log10 = (ratio: number | undefined): number | null =>
  ratio === undefined || !(ratio > 0) ? null : rounded(Math.log10(ratio));
