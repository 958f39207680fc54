/** Whether a ledger is exact: every micro-batch of every step once, with its examples, whoever did the work and whatever failed. */
import type { LedgerLine } from '../coordinator/runFolder.ts';
import type { Recipe } from '../models/recipe.ts';
import type { SimDisk } from './simDisk.ts';

/** The lines of a ledger on a simulated disk; none if there is no such file. */
export function ledgerOn(disk: SimDisk, file: string): LedgerLine[] {
  const text = new TextDecoder().decode(disk.contents(file) ?? new Uint8Array(0));
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerLine);
}

/** What is wrong with the ledger of a run of so many steps; null if it is exact. */
export function ledgerFault(
  lines: readonly LedgerLine[],
  { steps, batch, microBatch }: Pick<Recipe, 'steps' | 'batch' | 'microBatch'>,
): string | null {
  const expected = Array.from({ length: Math.ceil(batch / microBatch) }, (_, i) => [
    i,
    Math.min(microBatch, batch - i * microBatch),
  ]).join(' ');
  for (const [i, { step, blocks }] of lines.entries()) {
    if (step !== i + 1) return `line ${i + 1} of the ledger is of step ${step}`;
    const counted = blocks
      .flatMap(({ lo, counts }) => counts.map((count, j) => [lo + j, count] as const))
      .toSorted(([a], [b]) => a - b);
    if (counted.join(' ') !== expected)
      return `step ${step} has micro-batches (number,examples) ${counted.join(' ')} in the ledger instead of ${expected}`;
  }
  return lines.length === steps ? null : `the ledger has ${lines.length} lines for ${steps} steps`;
}
