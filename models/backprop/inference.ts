/**
 * What follows the lecture's training: batch norm's statistics calibrated once over the training set, the losses with them,
 * and names sampled. No gradients.
 */
import type { Examples } from '../../core/data/contexts.ts';
import { BOUNDARY_ID, type Vocabulary } from '../../core/data/vocabulary.ts';
import type { TorchGenerator } from '../../core/random/torch.ts';
import { EPSILON, rowsOf } from './forward.ts';
import { add, type Matrix, map, matmul, matrix, mul, sub, view } from './matrix.ts';
import type { Parameters } from './parameters.ts';

/** The mean and the variance (over n − 1) of each hidden unit before batch norm: [1, H]. */
export interface Statistics {
  readonly mean: Matrix;
  readonly variance: Matrix;
}

/** So many contexts at a time. */
const CHUNK = 4096;

/** The statistics over all of a training set. */
export function calibrate(parameters: Parameters, { x, count, blockSize }: Examples): Statistics {
  const hidden = parameters.W1.cols;
  const [sums, squares] = [new Float64Array(hidden), new Float64Array(hidden)];
  for (const ids of chunks(x, blockSize))
    for (const [i, v] of hiddenLayer(parameters, ids, blockSize).data.entries()) {
      sums[i % hidden] += v;
      squares[i % hidden] += v * v;
    }
  const mean = sums.map((s) => s / count);
  const variance = squares.map((s, i) => (s - count * mean[i] ** 2) / (count - 1));
  return { mean: matrix(1, hidden, Float32Array.from(mean)), variance: matrix(1, hidden, Float32Array.from(variance)) };
}

/** The mean cross-entropy over all of a set. */
export function loss(parameters: Parameters, statistics: Statistics, { x, y, count, blockSize }: Examples): number {
  let [sum, example] = [0, 0];
  for (const ids of chunks(x, blockSize)) {
    const { data, rows, cols } = logits(parameters, statistics, ids, blockSize);
    for (let r = 0; r < rows; r++) {
      const row = data.subarray(r * cols, (r + 1) * cols);
      sum += logSumExp(row) - row[y[example++]];
    }
  }
  return sum / count;
}

/** One name, drawn character by character until it ends. The generator's draws are the notebook's. */
export function sampleName(
  parameters: Parameters,
  statistics: Statistics,
  { vocabulary, blockSize }: { readonly vocabulary: Vocabulary; readonly blockSize: number },
  generator: TorchGenerator,
): string {
  const context = new Uint16Array(blockSize).fill(BOUNDARY_ID);
  const ids: number[] = [];
  for (;;) {
    const row = logits(parameters, statistics, context, blockSize).data;
    const normaliser = logSumExp(row);
    const [id] = generator.multinomial(
      row.map((v) => Math.exp(v - normaliser)),
      1,
    );
    if (id === BOUNDARY_ID) return vocabulary.decode(ids);
    ids.push(id);
    context.copyWithin(0, 1);
    context[blockSize - 1] = id;
  }
}

/** The forward pass, normalised by given statistics in place of the batch's own. */
function logits(parameters: Parameters, { mean, variance }: Statistics, ids: Uint16Array, blockSize: number): Matrix {
  const { W2, b2, bngain, bnbias } = parameters;
  const inverse = map(variance, (v) => (v + EPSILON) ** -0.5);
  const bnraw = mul(sub(hiddenLayer(parameters, ids, blockSize), mean), inverse);
  return add(matmul(map(add(mul(bngain, bnraw), bnbias), Math.tanh), W2), b2);
}

/** hprebn: the hidden layer before batch norm. */
function hiddenLayer({ C, W1, b1 }: Parameters, ids: Uint16Array, blockSize: number): Matrix {
  return add(matmul(view(rowsOf(C, ids), ids.length / blockSize, blockSize * C.cols), W1), b1);
}

function* chunks(x: Uint16Array, blockSize: number): Generator<Uint16Array> {
  for (let at = 0; at < x.length; at += CHUNK * blockSize) yield x.subarray(at, at + CHUNK * blockSize);
}

function logSumExp(row: Float32Array): number {
  const max = row.reduce((a, b) => Math.max(a, b));
  return max + Math.log(row.reduce((sum, v) => sum + Math.exp(v - max), 0));
}
