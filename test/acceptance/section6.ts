/** makemore 5: WaveNet. */
import { join } from 'node:path';
import { contexts } from '../../core/data/contexts.ts';
import { loadLines } from '../../core/data/load.ts';
import { splitLinesAsNotebook } from '../../core/data/split.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import type { ModelSpec } from '../../models/model.ts';
import { allDigits, type Check, fact, quick } from './check.ts';
import { fullLength, notebook } from './notebook.ts';
import { parametersOf } from './section3.ts';
import { besidePyTorch } from './section4.ts';
import { dataDir, training } from './training.ts';

const wavenet = (embeddingDim: number, hidden: number): ModelSpec => ({
  name: 'wavenet',
  vocabSize: 27,
  blockSize: 8,
  embeddingDim,
  hidden,
});
const flat: ModelSpec = { name: 'mlp', vocabSize: 27, blockSize: 8, embeddingDim: 10, hidden: 200 };

/** This notebook's seed, and two more. */
const SEEDS = [42, 1, 2];

const sizes = (blockSize: number, embeddingDim: number, hidden: number): string[] => [
  ...['--set', `model.blockSize=${blockSize}`, '--set', `model.embeddingDim=${embeddingDim}`],
  ...['--set', `model.hidden=${hidden}`],
];

/** Its lowest validation loss. */
const LECTURE_BEST = 1.993;

const full = { within: 0.02, seeds: SEEDS, data: 'names.txt' } as const;

/** The lecturer's challenge, with the same data, split, network and number of steps. */
const challenge = training({
  ...full,
  id: '6-challenge-200k',
  what: 'the challenge: E24/H128 as above, but its rate falls as a cosine, with a weight decay of 0.0001',
  lecture: { val: [LECTURE_BEST] },
  args: [
    ...[...notebook('names-wavenet'), '--steps', '200000', '--set', 'optimizer={name: sgd, weightDecay: 0.0001}'],
    ...['--set', 'schedule={name: cosine, lr: 0.1, minLr: 0.001, warmupSteps: 0, decaySteps: 200000}'],
  ],
});

export const section6: readonly Check[] = [
  quick('6-parameters', 'parameters: flat; hierarchical E10/H68; E24/H128', '22,097, 22,397, 76,579', () =>
    allDigits('22,097, 22,397, 76,579', [flat, wavenet(10, 68), wavenet(24, 128)].map(parametersOf)),
  ),
  quick(
    '6-split',
    'examples of 8 characters to train, validate and test: as many as of 3',
    '182,625, 22,655, 22,866',
    async () => {
      const { lines } = await loadLines(join(dataDir, 'names.txt'));
      const vocabulary = Vocabulary.fromLines(lines);
      const { train, val, test } = splitLinesAsNotebook(lines);
      const counts = [train, val, test].map((part) => contexts(part, vocabulary, 8).count);
      return allDigits('182,625, 22,655, 22,866', counts);
    },
    { needs: 'names.txt', seeds: '42' },
  ),
  besidePyTorch('6-beside', 'E24/H128', 'wavenet', 42, notebook('names-wavenet')),
  training({
    ...full,
    id: '6-flat3-200k',
    what: '3 characters, flat',
    lecture: { train: [2.058], val: [2.105] },
    args: [...notebook('names-mlp'), ...fullLength(150_000)],
  }),
  training({
    ...full,
    id: '6-flat8-200k',
    what: '8 characters, flat',
    lecture: { train: [1.918], val: [2.027] },
    args: [...notebook('names-mlp'), ...sizes(8, 10, 200), ...fullLength(150_000)],
  }),
  training({
    ...full,
    id: '6-hierarchical-apart-200k',
    what: 'hierarchical E10/H68, batch norm over the batch alone, as it was at first',
    lecture: { train: [1.941], val: [2.029] },
    args: [
      ...notebook('names-wavenet'),
      ...sizes(8, 10, 68),
      ...['--set', 'model.normOver=batch'],
      ...fullLength(150_000),
    ],
  }),
  training({
    ...full,
    id: '6-hierarchical-200k',
    what: 'hierarchical E10/H68, batch norm over both dimensions',
    lecture: { train: [1.912], val: [2.022] },
    args: [...notebook('names-wavenet'), ...sizes(8, 10, 68), ...fullLength(150_000)],
  }),
  training({
    ...full,
    id: '6-wide-200k',
    what: 'E24/H128',
    lecture: { train: [1.769], val: [1.993] },
    args: [...notebook('names-wavenet'), ...sizes(8, 24, 128), ...fullLength(150_000)],
  }),
  {
    ...challenge,
    lecture: `below ${LECTURE_BEST}`,
    run: async (of) => {
      const { ours, values } = await challenge.run(of);
      return fact(ours, (values?.val ?? Number.NaN) < LECTURE_BEST, values);
    },
  },
  {
    ...quick(
      '6-order',
      'the order: 3 characters > 8 flat > hierarchical > E24/H128',
      '2.105 > 2.027 > 2.022 > 1.993',
      () => fact('', false),
    ),
    quick: false,
    needs: 'names.txt',
    after: ['6-flat3-200k', '6-flat8-200k', '6-hierarchical-200k', '6-wide-200k'],
    run: async (of) => {
      const vals = ['flat3', 'flat8', 'hierarchical', 'wide'].map((name) => of(`6-${name}-200k`).val ?? Number.NaN);
      const falls = vals.every((v, i) => i === 0 || v < (vals[i - 1] ?? Number.NaN));
      return fact(vals.map((v) => v.toFixed(3)).join(' > '), falls);
    },
  },
];
