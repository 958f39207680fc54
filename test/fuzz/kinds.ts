/** Honest messages of every kind, drawn: where the mutations of frames.ts begin. A new kind of message needs a maker here. */
import type * as z from 'zod';
import type { Distribution, LayerRecord } from '../../core/protocol/diagnostics.ts';
import { PHASES } from '../../core/protocol/liveConstants.ts';
import type { fromCoordinatorSchema, fromWorkerSchema, Header, Message } from '../../core/protocol/messages.ts';
import type { Draws } from './draws.ts';

export type Maker = (draws: Draws) => Message<Header>;

const real = (draws: Draws): number => (draws.oneIn(2) ? draws.below(2 ** 32) / 2 ** 30 : draws.between(-5, 5));
const orNull = <T>(draws: Draws, value: T): T | null => (draws.oneIn(3) ? null : value);
const many = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make);
/** A part of whole elements of so many bytes, now and then none. */
const part = (draws: Draws, size: number): Uint8Array => draws.bytes(size * draws.small(draws.oneIn(60) ? 20_000 : 60));

function distribution(draws: Draws): Distribution {
  const counts = many(draws.between(1, draws.oneIn(30) ? 256 : 6), () => draws.small(1000));
  return { mean: real(draws), std: real(draws), histogram: { lo: -1, hi: real(draws), counts } };
}

function layer(draws: Draws): LayerRecord {
  const [rows, columns] = [draws.below(4), draws.below(9)];
  return {
    name: draws.text(draws.small(20)),
    type: draws.pick(['Linear', 'Tanh', '']),
    shape: many(draws.below(4), () => draws.small(500)),
    activation: distribution(draws),
    gradient: distribution(draws),
    saturated: orNull(draws, 0.25),
    image: orNull(draws, { rows, columns, cells: '01'.repeat(18).slice(0, rows * columns) }),
  };
}

export const fromWorker = {
  hello: (draws) => ({
    header: {
      kind: 'hello',
      token: draws.text(draws.small(256)),
      name: draws.text(draws.between(1, 64)),
      agent: draws.pick(['remote', 'tab']),
      slots: draws.between(1, 1024),
      numerics: draws.text(draws.small(64)),
      holds: orNull(
        draws,
        draws.oneIn(2)
          ? { version: draws.small(2 ** 31), hash: draws.text(64) }
          : { id: draws.text(draws.small(64)), received: draws.small(2 ** 31) },
      ),
    },
    parts: [],
  }),
  result: (draws) => {
    const n = draws.small(draws.oneIn(50) ? 4000 : 16);
    const layers = draws.oneIn(6) ? { layers: many(draws.small(5), () => layer(draws)) } : {};
    return {
      header: {
        kind: 'result',
        round: draws.small(2 ** 31),
        lo: draws.small(4096),
        size: 2 ** draws.below(12),
        losses: many(n, () => real(draws)),
        counts: many(n, () => draws.small(256)),
        ...layers,
      },
      parts: [part(draws, 4), part(draws, 4)],
    };
  },
  progress: (draws) => ({
    header: { kind: 'progress', round: draws.small(2 ** 31), lo: draws.small(4096), size: 2 ** draws.below(12) },
    parts: [],
  }),
  drain: () => ({ header: { kind: 'drain' }, parts: [] }),
} satisfies Record<z.infer<typeof fromWorkerSchema>['kind'], Maker>;

const models = [
  { name: 'bigram', vocabSize: 27 },
  { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 },
  { name: 'custom', title: 'tiny.ts', learnsFrom: 'lines', blockSize: 4, code: 'export default 1', vocabSize: 9 },
  { name: 'unheard of', nested: { list: [1, -1, 2 ** 40, 1.5, null, true] } },
  {},
];

export const fromCoordinator = {
  welcome: (draws) => ({
    header: { kind: 'welcome', run: draws.text(draws.small(60)), model: draws.pick(models) },
    parts: [],
  }),
  state: (draws) => ({
    header: {
      kind: 'state',
      id: draws.text(draws.between(1, 64)),
      version: draws.small(2 ** 31),
      params: draws.small(2 ** 31),
      buffers: draws.small(2 ** 20),
      offset: draws.small(2 ** 31),
    },
    parts: [part(draws, 4), part(draws, 4)],
  }),
  work: (draws) => ({
    header: {
      kind: 'work',
      round: draws.small(2 ** 31),
      mode: draws.pick(['train', 'eval', 'diagnose']),
      version: draws.small(2 ** 31),
      seed: draws.between(-5, 5) * 2 ** draws.below(50),
      lo: draws.small(4096),
      size: 2 ** draws.below(12),
      counts: many(1 + draws.small(16), () => draws.small(256)),
    },
    parts: [part(draws, 2), part(draws, 2)],
  }),
  farewell: (draws) => ({
    header: { kind: 'farewell', seconds: draws.small(86_400), reason: draws.text(draws.small(200)) },
    parts: [],
  }),
  news: (draws) => ({
    header: {
      kind: 'news',
      phase: draws.pick(PHASES),
      step: draws.small(2 ** 31),
      loss: orNull(draws, real(draws)),
      valLoss: orNull(draws, real(draws)),
      secondsLeft: orNull(draws, draws.small(100_000)),
      workers: draws.small(10_000),
      yours: draws.small(2 ** 31),
      all: draws.small(2 ** 31),
      sample: orNull(draws, { step: draws.small(2 ** 31), text: draws.text(draws.small(300)) }),
    },
    parts: [],
  }),
} satisfies Record<z.infer<typeof fromCoordinatorSchema>['kind'], Maker>;
