/**
 * The forward pass of the MLP with batch norm in the lecture's small chunks, every intermediate kept by its name there. No
 * gradients: manual.ts goes through the same chunks backwards, autograd.ts makes the same graph of tensors.
 */
import { add, argmaxCols, type Matrix, map, matmul, mul, pick, scale, sub, sumCols, sumRows, view } from './matrix.ts';
import type { Parameters } from './parameters.ts';

/** A batch: contexts [n, block] in a row, and the token that follows each. */
export interface Batch {
  readonly x: Uint16Array;
  readonly y: Uint16Array;
}

/** What is added to a variance, lest it be 0. */
export const EPSILON = 1e-5;

/** Every intermediate between the parameters and the loss, in the order in which they are made. */
export interface Intermediates {
  /** The embeddings of all characters of all contexts: [n · block, E]. */
  readonly emb: Matrix;
  /** Those of one context side by side: [n, block · E]. */
  readonly embcat: Matrix;
  /** The hidden layer before batch norm: [n, H]. */
  readonly hprebn: Matrix;
  /** Its mean over the batch: [1, H]. */
  readonly bnmeani: Matrix;
  readonly bndiff: Matrix;
  readonly bndiff2: Matrix;
  /** Its variance over n − 1: [1, H]. */
  readonly bnvar: Matrix;
  readonly bnvarInv: Matrix;
  readonly bnraw: Matrix;
  /** Batch norm's result, and what tanh makes of it: [n, H]. */
  readonly hpreact: Matrix;
  readonly h: Matrix;
  /** [n, vocabulary]. */
  readonly logits: Matrix;
  /** The largest of each row: [n, 1]. */
  readonly logitMaxes: Matrix;
  readonly normLogits: Matrix;
  readonly counts: Matrix;
  readonly countsSum: Matrix;
  readonly countsSumInv: Matrix;
  readonly probs: Matrix;
  readonly logprobs: Matrix;
}

export interface Forward extends Intermediates {
  readonly loss: number;
}

/** A batch's loss, and everything on the way to it. */
export function forward(parameters: Parameters, { x, y }: Batch): Forward {
  const { C, W1, b1, W2, b2, bngain, bnbias } = parameters;
  const n = y.length;

  const emb = rowsOf(C, x);
  const embcat = view(emb, n, emb.data.length / n);
  const hprebn = add(matmul(embcat, W1), b1);

  const bnmeani = scale(1 / n, sumRows(hprebn));
  const bndiff = sub(hprebn, bnmeani);
  const bndiff2 = mul(bndiff, bndiff);
  // Over n − 1, not n (Bessel's correction).
  const bnvar = scale(1 / (n - 1), sumRows(bndiff2));
  const bnvarInv = map(bnvar, (v) => (v + EPSILON) ** -0.5);
  const bnraw = mul(bndiff, bnvarInv);
  const hpreact = add(mul(bngain, bnraw), bnbias);

  const h = map(hpreact, Math.tanh);
  const logits = add(matmul(h, W2), b2);

  // Cross-entropy, as F.cross_entropy(logits, y). The maxima change nothing but that exp does not overflow.
  const logitMaxes = pick(logits, argmaxCols(logits));
  const normLogits = sub(logits, logitMaxes);
  const counts = map(normLogits, Math.exp);
  const countsSum = sumCols(counts);
  const countsSumInv = map(countsSum, (v) => 1 / v);
  const probs = mul(counts, countsSumInv);
  const logprobs = map(probs, Math.log);
  const loss = -pick(logprobs, y).data.reduce((sum, v) => sum + v, 0) / n;

  return {
    ...{ emb, embcat, hprebn, bnmeani, bndiff, bndiff2, bnvar, bnvarInv, bnraw, hpreact, h },
    ...{ logits, logitMaxes, normLogits, counts, countsSum, countsSumInv, probs, logprobs, loss },
  };
}

/** C[x]: a row of the table for each id. */
export function rowsOf(table: Matrix, ids: Uint16Array): Matrix {
  const out = new Float32Array(ids.length * table.cols);
  for (const [i, id] of ids.entries())
    out.set(table.data.subarray(id * table.cols, (id + 1) * table.cols), i * table.cols);
  return { rows: ids.length, cols: table.cols, data: out };
}
