/** What a ledger must show, whoever did the work: every micro-batch of every step once. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { LedgerLine } from '../../coordinator/runFolder.ts';
import { readJsonLines } from './cli.ts';

const ledger = (out: string) => readJsonLines<LedgerLine>(join(out, 'ledger.jsonl'));

/** Steps 1 to `steps`, each of `microBatches` micro-batches of `examples`. */
export function expectExactLedger(out: string, steps: number, microBatches: number, examples: number): void {
  const lines = ledger(out);
  expect(lines.map((l) => l.step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  const expected = Array.from({ length: microBatches }, (_, microBatch) => ({ microBatch, count: examples }));
  for (const { step, blocks } of lines) {
    const counted = blocks.flatMap(({ lo, counts }) => counts.map((count, i) => ({ microBatch: lo + i, count })));
    counted.sort((a, b) => a.microBatch - b.microBatch);
    expect(counted, `step ${step}`).toEqual(expected);
  }
}

/** Whether a worker of this name had work accepted, after step `after`. */
export function worked(out: string, name: string, after = 0): boolean {
  return ledger(out).some((l) => l.step > after && l.blocks.some((b) => b.by.startsWith(`${name}#`)));
}

/** The names of all whose work was accepted. */
export function workersOf(out: string): Set<string> {
  return new Set(ledger(out).flatMap((l) => l.blocks.map(({ by }) => by.replace(/#\d+$/, ''))));
}
