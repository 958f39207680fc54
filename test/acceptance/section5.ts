/** makemore 4: backpropagation by hand. */
import { join } from 'node:path';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { loadLines } from '../../core/data/load.ts';
import { TorchGenerator } from '../../core/random/torch.ts';
import { splitNames } from '../../models/backprop/examples.ts';
import {
  compareAll,
  compareBatchNorm,
  compareCrossEntropy,
  type Exercise,
  prepare,
  rowSum,
} from '../../models/backprop/exercise.ts';
import { calibrate, loss } from '../../models/backprop/inference.ts';
import { trained } from '../../models/backprop/parameters.ts';
import { LECTURE_STEPS, train } from '../../models/backprop/train.ts';
import { type Check, fact, type Outcome, quick } from './check.ts';
import { SEED } from './notebook.ts';
import { dataDir } from './training.ts';

const names = async () => (await loadLines(join(dataDir, 'names.txt'))).lines;

const command = 'manygrad lecture backprop --data names.txt';

/** A check on the notebook's small model and its batch. */
function onExercise(id: string, what: string, lecture: string, see: (exercise: Exercise) => Outcome): Check {
  const run = async () => see(await prepare(await createWasmBackend(), await names()));
  return quick(id, what, lecture, run, { needs: 'names.txt', seeds: `${SEED}`, command });
}

/** The lecture's losses after 200,000 steps, and how far ours may be off. */
const LECTURE = { train: 2.07, val: 2.11 };
const WITHIN = 0.02;

export const section5: readonly Check[] = [
  onExercise('5-cmp', 'every gradient by hand next to autograd’s', 'all approximately equal', (exercise) => {
    const comparisons = compareAll(exercise);
    const near = comparisons.filter(({ approximate }) => approximate).length;
    const exact = comparisons.filter((c) => c.exact).length;
    const furthest = Math.max(...comparisons.map(({ maxdiff }) => maxdiff));
    return fact(
      `${near} of ${comparisons.length}, ${exact} of them exactly; largest difference ${furthest.toExponential(1)}`,
      near === comparisons.length && comparisons.length === Object.keys(exercise.autograd).length && furthest < 1e-7,
    );
  }),
  onExercise(
    '5-cross-entropy',
    'fused cross-entropy, (softmax − onehot)/n: largest difference',
    '~5e-9',
    (exercise) => {
      const { maxdiff, approximate } = compareCrossEntropy(exercise);
      return fact(maxdiff.toExponential(1), approximate && maxdiff < 1e-8);
    },
  ),
  onExercise('5-batch-norm', 'fused batch norm with n/(n − 1): largest difference', '~1e-9', (exercise) => {
    const { maxdiff, approximate } = compareBatchNorm(exercise);
    return fact(maxdiff.toExponential(1), approximate && maxdiff < 5e-9);
  }),
  onExercise('5-rows', 'rows of dlogits: the sum furthest from 0', '0 but for rounding', (exercise) => {
    const furthest = rowSum(exercise);
    return fact(furthest.toExponential(1), furthest < 1e-8);
  }),
  onExercise('5-wrong', 'a branch of dcounts left out', 'cmp fails', (exercise) => {
    const comparisons = compareAll(exercise, { missingBranch: true });
    const wrong = comparisons.filter(({ approximate }) => !approximate);
    return fact(
      `fails for ${wrong.length} of ${comparisons.length}, first for ${wrong[0]?.name ?? 'none'}`,
      wrong[0]?.name === 'counts' && compareAll(exercise).every(({ approximate }) => approximate),
    );
  }),
  {
    id: '5-manual-200k',
    section: 5,
    what: 'E10/H200, 200,000 steps of 32 on gradients by hand alone, rate 0.1, then 0.01 from 100,000',
    lecture: `${LECTURE.train} / ${LECTURE.val}`,
    quick: false,
    needs: 'names.txt',
    seeds: `${SEED}`,
    command: `${command} --steps ${LECTURE_STEPS}`,
    run: async () => {
      const data = splitNames(await names(), trained.blockSize);
      const parameters = train(data, new TorchGenerator(SEED), { sizes: trained, steps: LECTURE_STEPS });
      const statistics = calibrate(parameters, data.train);
      const [onTrain, onVal] = [data.train, data.val].map((part) => loss(parameters, statistics, part));
      return fact(
        `${onTrain.toFixed(3)} / ${onVal.toFixed(3)}`,
        Math.abs(onTrain - LECTURE.train) <= WITHIN && Math.abs(onVal - LECTURE.val) <= WITHIN,
        { train: onTrain, val: onVal },
      );
    },
  },
];
