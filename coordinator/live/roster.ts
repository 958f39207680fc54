/**
 * The table of workers as the operator sees it: who is there, what each has done, how fast, and what it is at. It is told of
 * every lease and answer, thousands a second, so each costs a few additions; rows are made when somebody looks.
 */
import { runLength } from '../../core/allreduce/treeSum.ts';
import type { WorkerRow } from '../../core/protocol/live.ts';
import type { WorkerPort } from '../../core/protocol/work.ts';
import type { Block, Round, WorkerId } from '../machine/machine.ts';
import { Holdings } from './holdings.ts';
import { Rate } from './rate.ts';

/** Names are cut off here: they are whatever a stranger calls itself. */
const MAX_NAME = 64;

interface Entry {
  readonly name: string;
  readonly port: WorkerPort;
  readonly joinedAt: number;
  readonly rate: Rate;
  microBatches: number;
  /** Those of them that were computed again elsewhere. */
  verified: number;
  readonly holdings: Holdings;
}

export class Roster {
  readonly #entries = new Map<WorkerId, Entry>();
  /** Of the training round that is open: an evaluation's micro-batches count for nothing here. */
  #training: Round | null = null;
  #accepted = 0;

  join(id: WorkerId, port: WorkerPort, now: number): void {
    const rate = new Rate();
    rate.begin(now);
    const name = port.name.slice(0, MAX_NAME);
    this.#entries.set(id, {
      name,
      port,
      joinedAt: now,
      rate,
      microBatches: 0,
      verified: 0,
      holdings: new Holdings(),
    });
  }

  leave(id: WorkerId): void {
    this.#entries.delete(id);
  }

  nameOf(id: WorkerId): string {
    return this.#entries.get(id)?.name ?? `#${id}`;
  }

  get size(): number {
    return this.#entries.size;
  }

  open(round: Round): void {
    this.#training = round.mode === 'train' ? round : null;
  }

  assign(id: WorkerId): void {
    this.#entries.get(id)?.holdings.assign();
  }

  overdue(id: WorkerId, { id: round }: Round, block: Block): void {
    this.#entries.get(id)?.holdings.late(round, block);
  }

  result(id: WorkerId, round: number, block: Block, accepted: boolean, now: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.holdings.answer(round, block);
    if (accepted && this.#training?.id === round) this.#credit(entry, this.#training, block, now);
  }

  /** What a worker answered in the round that is open was computed again, and came out the same: it is as good as accepted. */
  verified(id: WorkerId, block: Block, now: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined && this.#training !== null)
      entry.verified += this.#credit(entry, this.#training, block, now);
  }

  /** @returns how many micro-batches that is */
  #credit(entry: Entry, training: Round, { lo, size }: Block, now: number): number {
    const done = runLength(lo, size, training.microBatches);
    entry.microBatches += done;
    this.#accepted += done;
    entry.rate.add(done, now);
    return done;
  }

  /** Training begins, or goes on after a pause: what was not done meanwhile is not held against anyone. */
  begin(now: number): void {
    for (const { rate } of this.#entries.values()) rate.begin(now);
  }

  /** Micro-batches accepted from a worker, or verified, and from all that there have been. */
  accepted(id: WorkerId): { yours: number; all: number } {
    return { yours: this.#entries.get(id)?.microBatches ?? 0, all: this.#accepted };
  }

  /** Whether there is a volunteer whose page shows samples. */
  get hasTabs(): boolean {
    for (const { port } of this.#entries.values()) if (port.kind === 'tab') return true;
    return false;
  }

  rows(now: number): WorkerRow[] {
    return Array.from(this.#entries, ([id, entry]) => this.#row(id, entry, now));
  }

  #row(id: WorkerId, entry: Entry, now: number): WorkerRow {
    const { name, port, joinedAt, rate, microBatches, verified, holdings } = entry;
    const traffic = port.traffic?.();
    return {
      id,
      name,
      kind: port.kind,
      slots: port.slots,
      state: holdings.overdue > 0 ? 'overdue' : holdings.leases > 0 ? 'working' : 'idle',
      microBatches,
      share: this.#accepted === 0 ? 0 : microBatches / this.#accepted,
      perSecond: rate.perSecond(now) ?? 0,
      latencyMs: traffic?.latencyMs ?? null,
      verified,
      bytesSent: traffic?.sent ?? 0,
      bytesReceived: traffic?.received ?? 0,
      seconds: (now - joinedAt) / 1000,
    };
  }
}
