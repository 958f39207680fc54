/** The net: its gradient is what counting says it must be, it ends where counting does, and workers train the same. */
import { expect, test } from 'vitest';
import { createWasmBackend } from '../../../core/backend/wasm/loadNode.ts';
import { contexts } from '../../../core/data/contexts.ts';
import { loadLines } from '../../../core/data/load.ts';
import { Vocabulary } from '../../../core/data/vocabulary.ts';
import { TorchGenerator } from '../../../core/random/torch.ts';
import { embedding, intTensor, matmul, oneHot, tensor } from '../../../core/tensor/index.ts';
import { count, distance, likelihood, probabilities } from '../../../models/bigram/counting.ts';
import { firstTable, LECTURE_SEED, netProbabilities, train } from '../../../models/bigram/neural.ts';
import { Compute } from '../../../worker/compute.ts';

const backend = await createWasmBackend();
const names = (await loadLines('names')).lines.slice(0, 2000);
const vocabulary = Vocabulary.fromLines(names);
const size = vocabulary.vocabSize;
const examples = contexts(names, vocabulary, 1);
const counts = count(names, vocabulary);
const first = firstTable(size, new TorchGenerator(LECTURE_SEED));

test('a row of the table is one_hot @ W', async () => {
  const mark = backend.mark();
  const ids = intTensor(backend, Int32Array.of(0, 5, 13, 13, 1), [5]);
  const W = tensor(backend, first, [size, size]);
  expect([...(await embedding(ids, W).read())]).toEqual([...(await matmul(oneHot(ids, size), W).read())]);
  backend.release(mark);
});

test('a step goes against (what the net says − what was counted), and the first table stays as it was', async () => {
  const before = first.slice();
  const [rate, regularisation] = [2, 0.1];
  const { W, losses } = await train(backend, examples, first, { rate, steps: 1, regularisation });
  expect(first).toEqual(before);
  const net = await netProbabilities(backend, first);
  for (const [i, row] of counts.entries()) {
    const total = row.reduce((a, b) => a + b, 0);
    for (const [j, n] of row.entries()) {
      const at = i * size + j;
      const gradient = (total * net[i][j] - n) / examples.count + (2 * regularisation * first[at]) / size ** 2;
      expect(W[at]).toBeCloseTo(first[at] - rate * gradient, 5);
    }
  }
  const squares = first.reduce((sum, w) => sum + w * w, 0) / size ** 2;
  expect(losses[0]).toBeCloseTo(likelihood(names, vocabulary, net).loss + regularisation * squares, 4);
});

test('descent comes near to counting, and no nearer than it may', async () => {
  const seen: number[] = [];
  const onStep = (step: number) => seen.push(step);
  const options = { rate: 50, steps: 300, regularisation: 0 };
  const { W, losses } = await train(backend, examples, first, { ...options, onStep });
  expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i));
  const best = likelihood(names, vocabulary, probabilities(counts)).loss;
  expect(losses.at(-1)).toBeGreaterThan(best);
  expect(losses.at(-1)).toBeLessThan(best + 0.02);
  const net = await netProbabilities(backend, W);
  expect(distance(counts, probabilities(counts), net)).toBeLessThan(0.03);
  for (const row of net) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
});

test('workers train the same net: full batches in micro-batches, step by step', async () => {
  const [steps, rate, micro] = [20, 50, 1024];
  const { losses } = await train(backend, examples, first, { rate, steps, regularisation: 0 });
  const compute = new Compute(await createWasmBackend(), { name: 'bigram', vocabSize: size, blockSize: 1 });
  const parts = Math.ceil(examples.count / micro);
  const counted = Array.from({ length: parts }, (_, i) => Math.min(micro, examples.count - i * micro));
  const lease = { round: 0, mode: 'train', seed: 1, lo: 0, size: 2 ** Math.ceil(Math.log2(parts)) } as const;
  const params = first.slice();
  const into = { gradient: new Float32Array(params.length), statistics: new Float32Array(0) };
  for (let version = 0; version < steps; version++) {
    compute.load({ version, params, buffers: new Float32Array(0) });
    const { x, y } = examples;
    const result = await compute.run({ ...lease, version, counts: counted, x, y }, into);
    expect(result.losses.reduce((a, b) => a + b, 0) / examples.count, `step ${version}`).toBeCloseTo(
      losses[version],
      4,
    );
    for (const [i, g] of result.gradient.entries()) params[i] -= (rate * g) / examples.count;
  }
});

test('nothing stays in the backend’s memory', async () => {
  const before = backend.mark();
  const few = contexts(['emma'], vocabulary, 1);
  await netProbabilities(backend, (await train(backend, few, first, { rate: 1, steps: 3, regularisation: 0.01 })).W);
  expect(backend.mark()).toEqual(before);
});
