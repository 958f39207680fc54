/** makemore 3: activations, gradients, batch norm. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { samplerOf } from '../../coordinator/draws.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { crossEntropy, intTensor, tensor } from '../../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { presetRecipe } from '../../models/presets.ts';
import { type Check, digits, fact, quick } from './check.ts';
import { firstSteps, fullLength, notebook, SEED, SEEDS } from './notebook.ts';
import { parametersOf } from './section3.ts';
import { dataDir, quoted, scratch, stepLosses, train, training } from './training.ts';

const list = z.array(z.number());
const fixture = z
  .record(z.string(), z.object({ batch: list, parameters: z.number(), losses: list }))
  .parse(JSON.parse(readFileSync(new URL('../fixtures/notebooks.json', import.meta.url), 'utf8')));

/** Losses of PyTorch's own run of a notebook (test/fixtures/make_notebooks.py). */
export function theirs(name: string): { readonly batch: number[]; readonly losses: number[] } {
  const found = fixture[name];
  if (found === undefined) throw new Error(`the fixture has no notebook ${name}`);
  return found;
}

/** How far the first hundred steps are from PyTorch's, and the first loss. */
export function besidePyTorch(id: string, what: string, name: string, seed: number, args: readonly string[]): Check {
  const all = [...args, ...firstSteps(100), '--seed', `${seed}`];
  return quick(
    id,
    `${what}: 100 steps beside PyTorch's, largest difference of a loss`,
    '< 1e-3',
    async () => {
      const rest = ['--data', join(dataDir, 'names.txt'), '--threads', '1', '--samples', '0', '--eval-every', '0'];
      const { dir } = await train(scratch(`${id}`), [...all, ...rest]);
      const ours = stepLosses(dir);
      const { losses } = theirs(name);
      const furthest = Math.max(...losses.map((loss, i) => Math.abs(loss - (ours[i] ?? Number.NaN))));
      return fact(furthest.toExponential(1), ours.length === 100 && furthest < 1e-3, { first: ours[0] ?? Number.NaN });
    },
    { needs: 'names.txt', seeds: `${seed}`, command: `manygrad train ${all.map(quoted).join(' ')} --data names.txt` },
  );
}

/** The loss at step 0 that another check found, as the notebook printed it. */
export const firstLoss = (id: string, of: string, what: string, lecture: string, seed: number): Check => ({
  ...quick(id, `${what}: loss at step 0`, lecture, () => fact('', false), { needs: 'names.txt', seeds: `${seed}` }),
  after: [of],
  run: async (values) => digits(lecture, values(of).first ?? Number.NaN),
});

const deep: ModelSpec = {
  name: 'deep-mlp',
  vocabSize: 27,
  blockSize: 3,
  embeddingDim: 10,
  hidden: 100,
  layers: 5,
  batchNorm: true,
};
const normed: ModelSpec = { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 };

/** What the first loss is at a stage: no more than a glance at the untrained net. */
const glance = (stage: string, lecture: string, holds: (loss: number) => boolean): Check => {
  const args = [...notebook('names-mlp', false), '--set', `model.stage=${stage}`, '--steps', '1', '--seed', `${SEED}`];
  const id = `4-first-loss-${stage}`;
  return quick(
    id,
    `stage ${stage}: loss at step 0`,
    lecture,
    async () => {
      const rest = ['--data', join(dataDir, 'names.txt'), '--threads', '1', '--samples', '0', '--eval-every', '0'];
      const [loss = Number.NaN] = stepLosses((await train(scratch(`${id}`), [...args, ...rest])).dir);
      return fact(loss.toFixed(4), holds(loss));
    },
    { needs: 'names.txt', seeds: `${SEED}`, command: `manygrad train ${args.map(quoted).join(' ')} --data names.txt` },
  );
};

const stages = [
  ['softmax', 'logits near 0 at first', 2.13],
  ['tanh', 'and a hidden layer that is not saturated', 2.1],
  ['kaiming', 'Kaiming in place of guesses', 2.1],
] as const;

const DEEP = '{name: deep-mlp, blockSize: 3, embeddingDim: 10, hidden: 100, layers: 5, batchNorm: true, gain: 1}';

export const section4: readonly Check[] = [
  quick('4-parameters', 'parameters of E10/H200 with batch norm', '12,097', () =>
    digits('12,097', parametersOf(normed)),
  ),
  quick('4-deep-parameters', 'parameters of the deep net', '47,024', () => digits('47,024', parametersOf(deep))),
  besidePyTorch('4-beside', 'E10/H200 with batch norm', 'batch-norm', SEED, [
    ...notebook('names-mlp'),
    ...['--set', 'model.momentum=0.001'],
  ]),
  firstLoss('4-first-loss', '4-beside', 'E10/H200 with batch norm', '3.3239', SEED),
  besidePyTorch('4-deep-beside', 'the deep net', 'deep', SEED, [
    ...notebook('names-mlp', false),
    ...['--set', `model=${DEEP}`, '--set', 'model.unbiased=true'],
  ]),
  firstLoss('4-deep-first-loss', '4-deep-beside', 'the deep net', '3.2870', SEED),
  quick('4-first-batch', 'the first batch', '5197, 99677, 101728, 53213, 114200', async () => {
    const recipe = { ...presetRecipe('names-mlp'), random: 'notebook', seed: SEED, batch: 32 } as const;
    const first = samplerOf(recipe, buildModel(normed))(0, 182_625).slice(0, 5).join(', ');
    return fact(first, first === '5197, 99677, 101728, 53213, 114200');
  }),
  quick('4-uniform', 'the loss where all 27 characters are equally likely, −ln 1/27', '3.2958', async () => {
    const backend = await createWasmBackend();
    const logits = tensor(backend, new Float32Array(27), [1, 27]);
    return digits('3.2958', await crossEntropy(logits, intTensor(backend, Uint16Array.of(5), [1])).item());
  }),
  glance('naive', '27', (loss) => Math.floor(loss) === 27),
  glance('softmax', '3.32', (loss) => loss.toFixed(2) === '3.32'),
  ...stages.map(([stage, what, val]) =>
    training({
      id: `4-${stage}-200k`,
      what: `stage ${stage}: ${what}`,
      lecture: { val: [val] },
      within: 0.02,
      seeds: SEEDS,
      data: 'names.txt',
      args: [...notebook('names-mlp', false), '--set', `model.stage=${stage}`, ...fullLength(100_000)],
    }),
  ),
  training({
    id: '4-batch-norm-200k',
    what: 'stage batch-norm',
    lecture: { train: [2.067], val: [2.106] },
    within: 0.02,
    seeds: SEEDS,
    data: 'names.txt',
    args: [...notebook('names-mlp'), '--set', 'model.momentum=0.001', ...fullLength(100_000)],
  }),
  {
    ...quick('4-order', 'the order of the stages: naive > softmax > tanh', '2.17 > 2.13 > 2.10', () => fact('', false)),
    quick: false,
    needs: 'names.txt',
    after: ['3-mlp-200k', '4-softmax-200k', '4-tanh-200k'],
    run: async (of) => {
      const vals = ['3-mlp-200k', '4-softmax-200k', '4-tanh-200k'].map((id) => of(id).val ?? Number.NaN);
      const [naive = 0, softmax = 0, tanh = 0] = vals;
      return fact(vals.map((v) => v.toFixed(3)).join(' > '), naive > softmax && softmax > tanh);
    },
  },
];
