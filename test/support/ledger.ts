/** What a ledger must show, whoever did the work: every micro-batch of every step once. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { LedgerLine } from '../../coordinator/runFolder.ts';
import { ledgerFault } from '../../simulation/ledger.ts';
import { readJsonLines } from './cli.ts';

/** The ledger of a run's folder. */
export const ledger = (out: string) => readJsonLines<LedgerLine>(join(out, 'ledger.jsonl'));

/** Steps 1 to `steps`, each of `microBatches` micro-batches of `examples`. */
export function expectExactLedger(out: string, steps: number, microBatches: number, examples: number): void {
  const recipe = { steps, batch: microBatches * examples, microBatch: examples };
  expect(ledgerFault(ledger(out), recipe)).toBeNull();
}

/** Whether a worker of this name had work accepted, after step `after`. */
export function worked(out: string, name: string, after = 0): boolean {
  return ledger(out).some((l) => l.step > after && l.blocks.some((b) => b.by.startsWith(`${name}#`)));
}

/** The names of all whose work was accepted. */
export function workersOf(out: string): Set<string> {
  return new Set(ledger(out).flatMap((l) => l.blocks.map(({ by }) => by.replace(/#\d+$/, ''))));
}
