/**
 * The short formulas of the lecture's exercises 2 and 3: a whole loss and a whole batch norm differentiated on paper first,
 * and a backward pass of the MLP made with them. Step by step, the same is in manual.ts.
 */
import type { Batch, Forward } from './forward.ts';
import { scatterRows } from './manual.ts';
import { type Matrix, map, matmul, mul, oneHot, scale, sub, sumRows, transpose, view } from './matrix.ts';
import type { Parameters } from './parameters.ts';

/**
 * d(cross-entropy)/d(logits) = (softmax − one-hot)/n: every character is pushed down by how probable it was held, the right
 * one pulled up by 1. The forces of a row balance: it sums to 0.
 */
export const crossEntropyBackward = (probs: Matrix, y: Uint16Array): Matrix =>
  scale(1 / y.length, sub(probs, oneHot(y, probs.cols)));

/**
 * d(loss)/d(hprebn) of batch norm, from its result's gradient: with g = dhpreact and the variance over n − 1,
 *
 *     bngain · bnvarInv / n · (n g − Σ g − n/(n − 1) · bnraw · Σ (g · bnraw)), each sum over the batch.
 */
export function batchNormBackward(
  dhpreact: Matrix,
  { bnraw, bnvarInv }: Pick<Forward, 'bnraw' | 'bnvarInv'>,
  bngain: Matrix,
): Matrix {
  const n = dhpreact.rows;
  const throughMean = sumRows(dhpreact);
  const throughVariance = mul(bnraw, scale(n / (n - 1), sumRows(mul(dhpreact, bnraw))));
  return mul(scale(1 / n, mul(bngain, bnvarInv)), sub(sub(scale(n, dhpreact), throughMean), throughVariance));
}

/** The parameters' gradients by the short formulas: all that a step of training needs. */
export function fusedBackward(parameters: Parameters, { x, y }: Batch, f: Forward): Parameters {
  const { C, W1, W2, bngain } = parameters;
  const dlogits = crossEntropyBackward(f.probs, y);
  const dh = matmul(dlogits, transpose(W2));
  const dhpreact = mul(map(f.h, tanhSlope), dh);
  const dhprebn = batchNormBackward(dhpreact, f, bngain);
  const dembcat = matmul(dhprebn, transpose(W1));
  return {
    C: scatterRows(view(dembcat, f.emb.rows, f.emb.cols), x, C.rows),
    W1: matmul(transpose(f.embcat), dhprebn),
    b1: sumRows(dhprebn),
    W2: matmul(transpose(f.h), dlogits),
    b2: sumRows(dlogits),
    bngain: sumRows(mul(f.bnraw, dhpreact)),
    bnbias: sumRows(dhpreact),
  };
}

/** Of tanh, from its result. */
const tanhSlope = (t: number): number => 1 - t * t;
