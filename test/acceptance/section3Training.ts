/** makemore 2: overfitting one batch, and what an embedding of two dimensions shows. */
import { join } from 'node:path';
import { firstValues } from '../../coordinator/draws.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { latestCheckpoint } from '../../core/checkpoint/store.ts';
import { contexts } from '../../core/data/contexts.ts';
import { loadLines } from '../../core/data/load.ts';
import { gather } from '../../core/data/sampler.ts';
import { splitLinesAsNotebook } from '../../core/data/split.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import { gradients, layoutOf, place } from '../../core/nn/index.ts';
import { createOptimizer } from '../../core/optim/optimizer.ts';
import { crossEntropy, intTensor } from '../../core/tensor/index.ts';
import { buildModel } from '../../models/model.ts';
import { presetRecipe } from '../../models/presets.ts';
import { loadTrained } from '../../models/trained.ts';
import { type Check, fact, quick } from './check.ts';
import { SEED } from './notebook.ts';
import { dataDir, quoted, train } from './training.ts';

const recipe = {
  ...presetRecipe('names-mlp'),
  model: { name: 'mlp', blockSize: 3, embeddingDim: 2, hidden: 100, stage: 'naive' },
  random: 'notebook',
  seed: SEED,
  batch: 32,
} as const;

/** The same 32 examples over and over, as the lecture does before it trains on all. */
async function overfit(steps: number): Promise<{ loss: number; least: number }> {
  const { lines } = await loadLines(join(dataDir, 'names.txt'));
  const vocabulary = Vocabulary.fromLines(lines);
  const examples = contexts(splitLinesAsNotebook(lines).train, vocabulary, 3);
  const backend = await createWasmBackend();
  const model = buildModel({ ...recipe.model, vocabSize: vocabulary.vocabSize });
  const { params, grads } = place(model, backend);
  backend.write(params, firstValues(recipe, model).params);
  // The first 32 examples of the set, as in the lecture: several begin with the same empty context.
  const { x, y } = gather(
    examples,
    Uint32Array.from({ length: 32 }, (_, i) => i),
    0,
    32,
  );
  const optimizer = createOptimizer(recipe.optimizer, layoutOf(model.namedParameters()), backend);
  const [ids, targets] = [intTensor(backend, x, [32, 3]), intTensor(backend, y, [32])];
  let loss = Number.NaN;
  for (let step = 0; step < steps; step++) {
    const mark = backend.mark();
    const mean = crossEntropy(model.forward(ids), targets);
    gradients(model, mean);
    optimizer.step(params, grads, 0.1, step + 1);
    loss = await mean.item();
    backend.release(mark);
  }
  return { loss, least: leastLoss(x, y) };
}

/** The lowest loss there can be: where a context has several answers, no more is to be known than how often each comes. */
function leastLoss(x: Uint16Array, y: Uint16Array): number {
  const answers = new Map<string, number[]>();
  for (const [i, answer] of y.entries()) {
    const context = x.slice(3 * i, 3 * i + 3).join();
    answers.set(context, [...(answers.get(context) ?? []), answer]);
  }
  let loss = 0;
  for (const given of answers.values())
    for (const answer of given) loss -= Math.log(given.filter((a) => a === answer).length / given.length);
  return loss / y.length;
}

/** How close the vowels are to each other next to consonants, and how far q and . from all next to a letter's usual distance. */
async function clusters(dir: string): Promise<{ vowels: number; q: number; dot: number }> {
  const trained = await loadTrained(await latestCheckpoint(dir), await createWasmBackend());
  const [embedding] = trained.model.namedParameters();
  const points = Array.from((await embedding?.[1].read()) ?? []);
  const at = (id: number) => [points[2 * id] ?? 0, points[2 * id + 1] ?? 0] as const;
  const distance = (a: number, b: number) => Math.hypot(at(a)[0] - at(b)[0], at(a)[1] - at(b)[1]);
  const letters = Array.from({ length: 26 }, (_, i) => i + 1);
  const median = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
  const pairs = (ids: readonly number[]) => median(ids.flatMap((a, i) => ids.slice(i + 1).map((b) => distance(a, b))));
  const ids = (text: string) => [...trained.tokenizer.encode(text)];
  const vowels = ids('aeiou');
  const consonants = letters.filter((id) => !vowels.includes(id));
  const nearest = (id: number) =>
    Math.min(...[0, ...letters].filter((other) => other !== id).map((other) => distance(id, other)));
  const usualNearest = median(letters.map(nearest));
  return {
    vowels: pairs(vowels) / median(vowels.flatMap((a) => consonants.map((b) => distance(a, b)))),
    q: nearest(ids('q')[0] ?? 0) / usualNearest,
    dot: nearest(0) / usualNearest,
  };
}

const scatter = [
  ...['names-mlp', '--set', 'model={name: mlp, blockSize: 3, embeddingDim: 2, hidden: 300, stage: naive}'],
  ...['--set', 'random=notebook', '--set', 'batch=32', '--set', 'microBatch=32', '--seed', `${SEED}`],
  ...['--steps', '60000', '--set', 'schedule={name: step, lr: 0.1, milestones: [40000], gamma: 0.1}'],
];

export const section3Training: readonly Check[] = [
  quick(
    '3-overfit',
    'one batch of 32, 1,000 steps at 0.1: near the least that its repeated contexts allow, not 0',
    'goes near but not to 0',
    async () => {
      const { loss, least } = await overfit(1000);
      return fact(`${loss.toFixed(3)}, least ${least.toFixed(3)}`, least > 0 && loss > least && loss < least + 0.05);
    },
    { needs: 'names.txt', seeds: `${SEED}` },
  ),
  {
    ...quick(
      '3-embedding',
      'embedding of two dimensions: median distance of vowels from each other next to that from consonants; from q and . to their nearest next to the usual',
      'vowels cluster, q and . stand apart',
      async () => {
        const rest = ['--data', join(dataDir, 'names.txt'), '--threads', '1', '--samples', '0', '--eval-every', '0'];
        const { vowels, q, dot } = await clusters((await train('3-embedding', [...scatter, ...rest])).dir);
        const ours = `vowels ${vowels.toFixed(2)} ×, q ${q.toFixed(1)} ×, . ${dot.toFixed(1)} ×`;
        return fact(ours, vowels < 0.8 && q > 1.5 && dot > 1.5);
      },
      {
        needs: 'names.txt',
        seeds: `${SEED}`,
        command: `manygrad train ${scatter.map(quoted).join(' ')} --data names.txt`,
      },
    ),
    quick: false,
  },
];
