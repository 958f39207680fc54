/** makemore 2: the MLP. */
import { join } from 'node:path';
import { loadLines } from '../../core/data/load.ts';
import { type Split, splitLinesAsNotebook } from '../../core/data/split.ts';
import { parameterLayout } from '../../core/nn/index.ts';
import { PythonRandom } from '../../core/random/python.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { allDigits, type Check, fact, quick } from './check.ts';
import { fullLength, notebook, SEEDS } from './notebook.ts';
import { dataDir, training } from './training.ts';

export const parametersOf = (spec: ModelSpec): number => parameterLayout(buildModel(spec)).length;

const mlp = (embeddingDim: number, hidden: number): ModelSpec => ({
  name: 'mlp',
  vocabSize: 27,
  blockSize: 3,
  embeddingDim,
  hidden,
  stage: 'naive',
});

/** Examples of each part. A name of n letters is n + 1 of them. */
const sizes = ({ train, val, test }: Split): number[] =>
  [train, val, test].map((part) => part.reduce((sum, line) => sum + line.length + 1, 0));

export const section3: readonly Check[] = [
  quick('3-parameters', 'parameters of E2/H100, E2/H300, E10/H200', '3,481, 10,281, 11,897', () =>
    allDigits('3,481, 10,281, 11,897', [mlp(2, 100), mlp(2, 300), mlp(10, 200)].map(parametersOf)),
  ),
  quick(
    '3-split',
    'examples to train, validate and test after random.seed(42); random.shuffle',
    '182,625, 22,655, 22,866',
    async () => {
      const { lines } = await loadLines(join(dataDir, 'names.txt'));
      return allDigits('182,625, 22,655, 22,866', sizes(splitLinesAsNotebook(lines)));
    },
    { needs: 'names.txt', seeds: '42' },
  ),
  quick(
    '3-split-shown',
    'the same as that lecture itself showed, its cell run for the fourth time: each time it shuffles what it has shuffled before',
    '182,441, 22,902, 22,803',
    async () => {
      const { lines } = await loadLines(join(dataDir, 'names.txt'));
      for (let run = 1; run < 4; run++) new PythonRandom(42).shuffle(lines);
      return allDigits('182,441, 22,902, 22,803', sizes(splitLinesAsNotebook(lines)));
    },
    { needs: 'names.txt', seeds: '42' },
  ),
  quick(
    '3-shuffled',
    'the first shuffled names',
    'yuheng, diondre, xavien',
    async () => {
      const { lines } = await loadLines(join(dataDir, 'names.txt'));
      const first = splitLinesAsNotebook(lines).train.slice(0, 3).join(', ');
      return fact(first, first === 'yuheng, diondre, xavien');
    },
    { needs: 'names.txt', seeds: '42' },
  ),
  training({
    id: '3-mlp-200k',
    what: 'E10/H200, 200,000 steps of 32, rate 0.1, then 0.01 from 100,000 (the first stage of section 4)',
    lecture: { train: [2.12, 2.13], val: [2.16, 2.17] },
    within: 0.02,
    seeds: SEEDS,
    data: 'names.txt',
    args: [...notebook('names-mlp', false), '--set', 'model.stage=naive', ...fullLength(100_000)],
  }),
];
