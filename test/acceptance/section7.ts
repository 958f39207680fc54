/** Let's build GPT: the ladder. */
import type { RUNGS } from '../../models/gptLadder.ts';
import type { ModelSpec } from '../../models/model.ts';
import { allDigits, type Check, fact, quick } from './check.ts';
import { parametersOf } from './section3.ts';
import { training } from './training.ts';

type Rung = (typeof RUNGS)[number];

const small = (rung: Rung): ModelSpec => ({
  name: 'gpt-ladder',
  vocabSize: 65,
  blockSize: 8,
  rung,
  layers: 3,
  heads: 4,
  embeddingDim: 32,
  dropout: 0,
});
const large: ModelSpec = {
  name: 'gpt-ladder',
  vocabSize: 65,
  rung: 'layer-norm',
  blockSize: 256,
  layers: 6,
  heads: 6,
  embeddingDim: 384,
  dropout: 0.2,
};

/** The validation losses of the lecture, rung by rung, and the rate: the table alone was trained at 0.01. */
const ladder: readonly (readonly [Rung, number, number])[] = [
  ['bigram', 2.5, 0.01],
  ['head', 2.4, 0.001],
  ['heads', 2.28, 0.001],
  ['feed-forward', 2.24, 0.001],
  ['residual', 2.08, 0.001],
  ['layer-norm', 2.06, 0.001],
];

const model = (rung: Rung) =>
  `model={name: gpt-ladder, rung: ${rung}, blockSize: 8, layers: 3, heads: 4, embeddingDim: 32, dropout: 0}`;

export const section7: readonly Check[] = [
  quick(
    '7-parameters',
    'parameters of the small ladder, lowest and highest rung, and of the large net',
    '4,225, 42,369, 10,788,929',
    () => allDigits('4,225, 42,369, 10,788,929', [small('bigram'), small('layer-norm'), large].map(parametersOf)),
  ),
  ...ladder.map(([rung, val, lr]) =>
    training({
      id: `7-${rung}`,
      what: `rung ${rung}, 5,000 steps of 32 × 8 characters`,
      lecture: { val: [val] },
      within: 0.05,
      seeds: [1337, 1, 2],
      data: 'tinyshakespeare.txt',
      args: [
        'text-gpt',
        ...['--steps', '5000', '--set', model(rung), '--set', 'batch=32', '--set', 'microBatch=32'],
        ...['--set', `schedule={name: constant, lr: ${lr}}`],
      ],
    }),
  ),
  {
    ...quick('7-order', 'the order of the rungs', '2.5 > 2.4 > 2.28 > 2.24 > 2.08 > 2.06', () => fact('', false)),
    quick: false,
    needs: 'tinyshakespeare.txt',
    after: ladder.map(([rung]) => `7-${rung}`),
    run: async (of) => {
      const vals = ladder.map(([rung]) => of(`7-${rung}`).val ?? Number.NaN);
      const falls = vals.every((v, i) => i === 0 || v < (vals[i - 1] ?? Number.NaN));
      return fact(vals.map((v) => v.toFixed(3)).join(' > '), falls);
    },
  },
];
