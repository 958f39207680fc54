/**
 * The bigram model as a neural net of one layer: a table of logits that full-batch gradient descent makes as good as counting
 * does. One process and all examples at once, as in the lecture; the same net for workers is model.ts.
 */
import type { Backend } from '../../core/backend/backend.ts';
import type { Examples } from '../../core/data/contexts.ts';
import type { TorchGenerator } from '../../core/random/torch.ts';
import {
  add,
  backward,
  crossEntropy,
  embedding,
  intTensor,
  mean,
  mul,
  noGrad,
  softmax,
  square,
  tensor,
} from '../../core/tensor/index.ts';
import type { Table } from './counting.ts';

/** The seed of the lecture's generators. */
export const LECTURE_SEED = 2_147_483_647;

/** How the lecture trains on all names. From step 250 on the net's first names are those of the lecture. */
export const lectureTraining = { rate: 50, steps: 300, regularisation: 0.01 } as const;

export interface TrainingOptions {
  readonly rate: number;
  readonly steps: number;
  /** What the mean of the squared weights is multiplied by before it joins the loss: counting's smoothing, seen from here. */
  readonly regularisation: number;
  readonly onStep?: (step: number, loss: number) => void;
}

export interface Trained {
  /** The table, row-major. */
  readonly W: Float32Array;
  /** The loss of each step, before it is made. */
  readonly losses: readonly number[];
}

/** W = torch.randn((size, size), generator=g). */
export const firstTable = (size: number, generator: TorchGenerator): Float32Array => generator.randn(size * size);

/** Gradient descent on all examples at once. Leaves nothing in the backend's memory, and `first` as it is. */
export async function train(
  backend: Backend,
  { x, y, count }: Examples,
  first: Float32Array,
  { rate, steps, regularisation, onStep }: TrainingOptions,
): Promise<Trained> {
  const table = first.slice();
  const size = Math.sqrt(table.length);
  const losses: number[] = [];
  const begin = backend.mark();
  const [xs, ys] = [intTensor(backend, x, [count]), intTensor(backend, y, [count])];
  for (let step = 0; step < steps; step++) {
    const mark = backend.mark();
    const W = tensor(backend, table, [size, size], { requiresGrad: true });
    // one_hot(xs) @ W: each character plucks its row out of W.
    const logits = embedding(xs, W);
    const loss = add(crossEntropy(logits, ys), mul(mean(square(W)), regularisation));
    backward(loss);
    const shown = await loss.item();
    if (W.grad === null) throw new Error('the table has no gradient');
    for (const [i, g] of (await W.grad.read()).entries()) table[i] -= rate * g;
    backend.release(mark);
    losses.push(shown);
    onStep?.(step, shown);
  }
  backend.release(begin);
  return { W: table, losses };
}

/** What the net says follows each character: softmax of each row. */
export async function netProbabilities(backend: Backend, W: Float32Array): Promise<Table> {
  const size = Math.sqrt(W.length);
  const mark = backend.mark();
  const flat = Float64Array.from(await noGrad(() => softmax(tensor(backend, W, [size, size]))).read());
  backend.release(mark);
  return Array.from({ length: size }, (_, i) => flat.subarray(i * size, (i + 1) * size));
}
