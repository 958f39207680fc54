/**
 * makemore 3: batch norm's running statistics, next to those of the whole training set with the trained parameters; and what it
 * makes of a single example, in use and in training.
 */
import { join } from 'node:path';
import { checkBatchNorm } from '../../coordinator/checkBatchNorm.ts';
import { loadData, prepareData } from '../../coordinator/data.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { latestCheckpoint } from '../../core/checkpoint/store.ts';
import { batchNorms, initialise, place } from '../../core/nn/index.ts';
import { intTensor, noGrad } from '../../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { presetRecipe } from '../../models/presets.ts';
import { loadTrained } from '../../models/trained.ts';
import { type Check, fact, quick } from './check.ts';
import { SEED } from './notebook.ts';
import { dataDir, runsDir } from './training.ts';

/** Largest and mean absolute difference of two lists. */
function apart(a: ArrayLike<number>, b: ArrayLike<number>): { largest: number; mean: number } {
  const each = Array.from(a, (v, i) => Math.abs(v - (b[i] ?? Number.NaN)));
  return { largest: Math.max(...each), mean: each.reduce((sum, v) => sum + v, 0) / each.length };
}

const roots = (variances: ArrayLike<number>): number[] => Array.from(variances, Math.sqrt);

const normed: ModelSpec = { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 };

export const section4Statistics: readonly Check[] = [
  quick(
    '4-single',
    'a single example in eval mode: its logits next to those that it has among 32',
    'works, whoever else is there',
    async () => {
      const backend = await createWasmBackend();
      const model = buildModel(normed);
      const { params, buffers } = place(model, backend);
      const first = initialise(model, SEED);
      backend.write(params, first.params);
      backend.write(buffers, first.buffers);
      model.eval();
      const ids = Uint16Array.from({ length: 32 * 3 }, (_, i) => (7 * i) % 27);
      const logits = async (n: number) =>
        Array.from(await noGrad(() => model.forward(intTensor(backend, ids.subarray(0, 3 * n), [n, 3]))).read());
      const [alone, among] = [await logits(1), await logits(32)];
      const furthest = Math.max(...alone.map((v, i) => Math.abs(v - (among[i] ?? Number.NaN))));
      return fact(`${alone.length} logits; ${furthest} apart`, alone.length === 27 && furthest < 1e-6);
    },
    { seeds: `${SEED}` },
  ),
  quick('4-batch-of-one', 'a batch of one in train mode', 'warns', async () => {
    const recipe = { ...presetRecipe('names-mlp'), batch: 1, microBatch: 1 };
    const [one, many] = [
      await checkBatchNorm(recipe, normed),
      await checkBatchNorm({ ...recipe, batch: 32, microBatch: 32 }, normed),
    ];
    return fact(one ?? 'silence', one !== null && many === null);
  }),
  {
    ...quick(
      '4-calibrated',
      'running mean and deviation (EMA 0.999/0.001) next to those of the whole training set: mean difference',
      '≈ 0',
      () => fact('', false),
    ),
    quick: false,
    needs: 'names.txt',
    seeds: `${SEED}`,
    after: ['4-batch-norm-200k'],
    run: async () => {
      const backend = await createWasmBackend();
      const checkpoint = await latestCheckpoint(join(runsDir, `4-batch-norm-200k-${SEED}`));
      const { model, recipe } = await loadTrained(checkpoint, backend);
      const source = { ...recipe.data, source: join(dataDir, 'names.txt') };
      const { train } = prepareData(recipe, await loadData({ ...recipe, data: source })).splits;
      const { x } = train.evalRows(0, train.evalCount);
      const [norm] = batchNorms(model);
      if (norm === undefined) throw new Error('the network has no batch norm');
      const running = [await norm.running_mean.read(), roots(await norm.running_var.read())] as const;
      model.train();
      noGrad(() => model.forward(intTensor(backend, x, [train.evalCount, recipe.model.blockSize])));
      const whole = norm.batchStatistics;
      if (whole === null) throw new Error('the batch norm took no part');
      const calibrated = [await backend.read(whole.mean), roots(await backend.read(whole.variance))] as const;
      const [mean, std] = [apart(running[0], calibrated[0]), apart(running[1], calibrated[1])];
      // Next to deviations of about 2: an average of the last thousand batches of 32 strays by about a hundredth of that.
      return fact(
        `${mean.mean.toFixed(3)} and ${std.mean.toFixed(3)} (at most ${mean.largest.toFixed(3)} and ${std.largest.toFixed(3)})`,
        mean.mean < 0.05 && std.mean < 0.05,
      );
    },
  },
];
