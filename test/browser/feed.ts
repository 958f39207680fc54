/**
 * A dashboard's feed for tests of the page alone: a run of 200,000 steps with 200 workers, as large as the page must stay
 * smooth with. The numbers are made up from a seed; the real feed has tests of its own.
 */
import type { WebSocket } from 'ws';
import type { Command, Course, LiveState, RunInfo, ToOperator, WorkerRow } from '../../core/protocol/live.ts';

export const WORKERS = 200;
const BUCKETS = 4096;
const STEPS = 200_000;

export const info: RunInfo = {
  run: 'names-wavenet-2026-11-24-031500',
  model: 'wavenet',
  data: '29,693 names',
  dataKind: 'lines',
  by: 'Ada',
  parameters: 76_579,
  steps: 240_000,
  batch: 256,
  microBatch: 32,
  microBatches: 8,
  unit: 'examples',
};

/** A number in [0, 1) from two others, always the same. */
function noise(a: number, b: number): number {
  const x = Math.sin(a * 127.1 + b * 311.7) * 43758.5453;
  return x - Math.floor(x);
}

function course(): Course {
  const rows = Array.from({ length: BUCKETS }, (_, i) => {
    const t = i / BUCKETS;
    const loss = 1.85 + 1.5 * Math.exp(-14 * t) + 0.16 * (noise(i, 1) - 0.5);
    return {
      step: Math.round(((i + 1) * STEPS) / BUCKETS),
      loss,
      lossMin: loss - 0.1 - 0.1 * noise(i, 2),
      lossMax: loss + 0.1 + 0.1 * noise(i, 3),
      gradNorm: 0.4 + 0.2 * Math.exp(-8 * t) + 0.1 * noise(i, 4),
      lr: t < 0.75 ? 0.3 : 0.03,
      tokensPerSecond: 60_000 + 12_000 * noise(i >> 6, 5),
    };
  });
  const column = (name: keyof Course) => rows.map((row) => row[name]);
  return {
    step: column('step'),
    loss: column('loss'),
    lossMin: column('lossMin'),
    lossMax: column('lossMax'),
    gradNorm: column('gradNorm'),
    lr: column('lr'),
    tokensPerSecond: column('tokensPerSecond'),
  };
}

const NAMES = ['amber-otter', 'jade-crane', 'lab-7.local:4121', 'Zoë’s phone', '<b>bold</b>', 'ruby-lynx'];

function worker(id: number, tick: number): WorkerRow {
  const kind = id === 1 ? 'threads' : id % 3 === 0 ? 'remote' : 'tab';
  return {
    id,
    name: id === 1 ? 'local' : `${NAMES[id % NAMES.length]}-${id}`,
    kind,
    slots: 1 + (id % 8),
    state: (['working', 'idle', 'working', 'overdue'] as const)[Math.floor(noise(id, tick >> 3) * 4)] ?? 'idle',
    microBatches: 1000 * (WORKERS - id) + tick,
    share: (2 * (WORKERS - id + 0.5)) / WORKERS ** 2,
    perSecond: 4 + 8 * noise(id, tick),
    latencyMs: kind === 'threads' ? null : 4 + 120 * noise(id, 9),
    verified: 0,
    bytesSent: 306_316 * (tick + id),
    bytesReceived: 306_400 * (tick + id),
    seconds: 10 * (WORKERS - id) + tick / 4,
  };
}

export function state(tick: number): LiveState {
  return {
    status: {
      phase: 'training',
      step: STEPS + tick,
      loss: 1.8812 + 0.01 * noise(tick, 1),
      valLoss: 1.9934,
      lr: 0.03,
      gradNorm: 0.4172,
      stepsPerSecond: 252.4 + noise(tick, 2),
      tokensPerSecond: 64_602 + 100 * noise(tick, 3),
      secondsLeft: 158 - (tick % 100),
      seconds: 812 + tick,
      checkpoint: 199_000,
    },
    course: { from: 0, course: course() },
    evaluations: Array.from({ length: 10 }, (_, i) => ({
      step: (i + 1) * 20_000,
      split: 'val' as const,
      loss: 1.99 + 0.35 * Math.exp(-0.7 * i),
    })),
    workers: Array.from({ length: WORKERS }, (_, i) => worker(i + 1, tick)),
    timeline: Array.from({ length: 8 }, (_, s) => ({
      step: STEPS + tick - 7 + s,
      ms: s === 7 ? null : 4 + 2 * noise(s, tick),
      blocks: Array.from({ length: 8 }, (_, b) => ({
        lo: b,
        microBatches: 1,
        worker: (b % 5) + 1,
        name: worker((b % 5) + 1, 0).name,
        from: 0.2 * b,
        to: s === 7 && b > 4 ? null : 1.8 + 2 * noise(b, s + tick),
        accepted: b !== 3,
      })),
    })),
    samples: [
      { step: 198_000, text: 'amelia, jorah, keylin, tristan, oria' },
      { step: 199_500, text: 'maelle, dax, corinna, yusuf, adaline' },
    ],
    notices: [
      { at: Date.UTC(2026, 10, 24, 3, 15, 0), step: 0, text: 'The run began.' },
      { at: Date.UTC(2026, 10, 24, 3, 15, 9), step: 2400, text: 'jade-crane-1 joined' },
      { at: Date.UTC(2026, 10, 24, 3, 21, 5), step: 199_000, text: 'checkpoint written' },
      {
        at: Date.UTC(2026, 10, 24, 3, 21, 30),
        step: 199_400,
        text: 'amber-otter-6 left (the connection closed); its micro-batches go to others',
      },
    ],
  };
}

/** Plays the server's side on one connection, and notes what it is asked for. */
export class Feed {
  readonly commands: Command[] = [];
  readonly #socket: WebSocket;
  #tick: number;

  /** @param opened the page has said its key already */
  constructor(socket: WebSocket, firstTick = 0, opened = false) {
    this.#socket = socket;
    this.#tick = firstTick;
    if (opened) this.send({ kind: 'snapshot', info, state: state(this.#tick) });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { kind: string } & Command;
      if (message.kind === ('open' as string)) return this.send({ kind: 'snapshot', info, state: state(this.#tick) });
      this.commands.push(message);
      const text = message.kind === 'sample' ? `${message.prompt}ora` : null;
      this.send({ kind: 'answer', id: message.id, error: null, text });
    });
  }

  /** One update, as the server sends a few a second. */
  update(): void {
    const { course: all, ...rest } = state(++this.#tick);
    const from = BUCKETS - 1;
    const tail = Object.fromEntries(
      Object.entries(all.course).map(([name, values]) => [name, values.slice(from)]),
    ) as unknown as Course;
    this.send({ kind: 'update', state: { ...rest, course: { from, course: tail } } });
  }

  /** Loses the connection. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Whatever the server might say. */
  send(message: ToOperator): void {
    this.#socket.send(JSON.stringify(message));
  }
}
