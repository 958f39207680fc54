/** The workers, a row each, kept in place from update to update: hundreds of them change without a layout. */
import { bytes, duration, integer } from '../../core/page/format.ts';
import type { WorkerRow } from '../../core/protocol/live.ts';
import { make, setText } from './dom.ts';

/** How long rows stay in their order while what they are sorted by changes: a table that boils cannot be read. */
const CALM_MS = 10_000;

interface Column {
  readonly key: string;
  readonly title: string;
  readonly text: (row: WorkerRow) => string;
  /** What rows are sorted by. */
  readonly value: (row: WorkerRow) => number | string;
}

const KINDS = { threads: 'this machine', remote: 'machine', tab: 'browser' } as const;

const columns: readonly Column[] = [
  { key: 'name', title: 'Name', text: (w) => w.name, value: (w) => w.name },
  { key: 'kind', title: 'Kind', text: (w) => KINDS[w.kind], value: (w) => w.kind },
  { key: 'state', title: 'State', text: (w) => w.state, value: (w) => w.state },
  { key: 'slots', title: 'Threads', text: (w) => integer(w.slots), value: (w) => w.slots },
  { key: 'speed', title: 'Micro-batches/s', text: (w) => w.perSecond.toFixed(1), value: (w) => w.perSecond },
  { key: 'share', title: 'Share', text: (w) => `${(100 * w.share).toFixed(1)} %`, value: (w) => w.share },
  {
    key: 'latency',
    title: 'Latency',
    text: (w) => (w.latencyMs === null ? '–' : `${w.latencyMs.toFixed(w.latencyMs < 10 ? 1 : 0)} ms`),
    value: (w) => w.latencyMs ?? -1,
  },
  {
    key: 'verified',
    title: 'Verified/total',
    text: (w) => `${integer(w.verified)} / ${integer(w.microBatches)}`,
    value: (w) => w.microBatches,
  },
  { key: 'in', title: 'Received', text: (w) => bytes(w.bytesReceived), value: (w) => w.bytesReceived },
  { key: 'out', title: 'Sent', text: (w) => bytes(w.bytesSent), value: (w) => w.bytesSent },
  { key: 'since', title: 'For', text: (w) => duration(w.seconds), value: (w) => w.seconds },
];

interface Line {
  readonly row: HTMLTableRowElement;
  readonly cells: readonly HTMLTableCellElement[];
  worker: WorkerRow;
  share: string;
}

export class WorkersTable {
  readonly #body: HTMLElement;
  readonly #kick: (worker: WorkerRow) => void;
  readonly #lines = new Map<number, Line>();
  readonly #heads = new Map<string, HTMLTableCellElement>();
  #sort = { key: 'share', descending: true };
  #arrangedAt = Number.NEGATIVE_INFINITY;

  constructor(head: HTMLElement, body: HTMLElement, kick: (worker: WorkerRow) => void) {
    this.#body = body;
    this.#kick = kick;
    for (const { key, title } of columns) {
      const cell = make('th', '', `col-${key}`);
      cell.scope = 'col';
      const button = make('button', title);
      button.type = 'button';
      button.addEventListener('click', () => this.#sortBy(key));
      cell.append(button);
      this.#heads.set(key, cell);
      head.append(cell);
    }
    const last = make('th', '', 'col-kick');
    last.append(make('span', 'Send away', 'unseen'));
    head.append(last);
    this.#markSorted();
  }

  /** Forgets all rows: another coordinator's workers may have the same numbers. */
  clear(): void {
    for (const { row } of this.#lines.values()) row.remove();
    this.#lines.clear();
  }

  show(workers: readonly WorkerRow[]): void {
    const present = new Set(workers.map(({ id }) => id));
    for (const [id, { row }] of this.#lines)
      if (!present.has(id)) {
        row.remove();
        this.#lines.delete(id);
      }
    const empty = this.#lines.size === 0;
    for (const worker of workers) this.#line(worker);
    if (empty) return this.#arrange();
    // Nothing moves under a pointer or away from the focus; who comes in between stands at the end.
    const busy = this.#body.matches(':hover, :focus-within');
    if (!busy && performance.now() - this.#arrangedAt >= CALM_MS) this.#arrange();
  }

  #line(worker: WorkerRow): void {
    const line = this.#lines.get(worker.id) ?? this.#newLine(worker);
    line.worker = worker;
    line.row.dataset.state = worker.state;
    for (const [i, { key, text }] of columns.entries()) {
      const cell = line.cells[i];
      if (cell === undefined) continue;
      setText(cell, text(worker));
      if (key === 'name' && cell.title !== worker.name) cell.title = worker.name;
      const share = worker.share.toFixed(3);
      if (key !== 'share' || share === line.share) continue;
      cell.style.setProperty('--share', share);
      line.share = share;
    }
  }

  #newLine(worker: WorkerRow): Line {
    const row = make('tr');
    const cells = columns.map(({ key }) => make('td', '', `col-${key}`));
    row.append(...cells);
    const last = make('td', '', 'col-kick');
    // Our own threads cannot be sent away: --threads decides on them.
    if (worker.kind !== 'threads') {
      const button = make('button', 'Kick', 'button danger small');
      button.type = 'button';
      button.setAttribute('aria-label', `Send ${worker.name} away`);
      button.addEventListener('click', () => this.#kick(worker));
      last.append(button);
    }
    row.append(last);
    const line = { row, cells, worker, share: '' };
    this.#body.append(row);
    this.#lines.set(worker.id, line);
    return line;
  }

  #sortBy(key: string): void {
    this.#sort = { key, descending: this.#sort.key === key ? !this.#sort.descending : key !== 'name' };
    this.#markSorted();
    this.#arrange();
  }

  #markSorted(): void {
    for (const [key, cell] of this.#heads)
      cell.ariaSort = key !== this.#sort.key ? 'none' : this.#sort.descending ? 'descending' : 'ascending';
  }

  /** Puts rows in order, moving only those that are not where they belong. */
  #arrange(): void {
    this.#arrangedAt = performance.now();
    const value = columns.find(({ key }) => key === this.#sort.key)?.value ?? ((w: WorkerRow) => w.id);
    const sign = this.#sort.descending ? -1 : 1;
    const lines = [...this.#lines.values()].sort((a, b) => {
      const [x, y] = [value(a.worker), value(b.worker)];
      return x < y ? -sign : x > y ? sign : a.worker.id - b.worker.id;
    });
    for (const [i, { row }] of lines.entries()) {
      const there = this.#body.children[i];
      if (there !== row) this.#body.insertBefore(row, there ?? null);
    }
  }
}
