/**
 * Every gradient of forward.ts by hand, one expression each, from the loss back to the embedding: the lecture's exercise 1.
 * The shorter formulas of exercises 2 and 3 are in fused.ts, and the check of all of them in cmp.ts.
 *
 * Each rests on one of three: the chain rule (what came back, times the local slope); what was stretched over rows or columns
 * is summed over them; what is used twice gets the sum of both gradients.
 */
import { type Batch, EPSILON, type Forward, type Intermediates } from './forward.ts';
import {
  addTo,
  argmaxCols,
  clone,
  type Matrix,
  map,
  matmul,
  matrix,
  mul,
  oneHot,
  scale,
  sumCols,
  sumRows,
  transpose,
  view,
} from './matrix.ts';
import type { Parameters } from './parameters.ts';

/** d(loss) by each parameter and each intermediate, under its name: `gradients.hpreact` is the lecture's dhpreact. */
export type Gradients = { readonly [name in keyof Parameters | keyof Intermediates]: Matrix };

/** What can be forgotten, for the sake of seeing that the comparison finds it. */
export interface Mistake {
  /** `counts` reach the loss through their sum too; without that branch the gradients below are wrong. */
  readonly missingBranch?: boolean;
}

/** All gradients of a forward pass. */
export function manual(
  { C, W1, W2, bngain }: Parameters,
  { x, y }: Batch,
  f: Forward,
  { missingBranch = false }: Mistake = {},
): Gradients {
  const n = y.length;

  // The loss is minus the mean of one log-probability a row: −1/n there, and 0 for those that it does not look at.
  const dlogprobs = scale(-1 / n, oneHot(y, f.logprobs.cols));
  // log: 1/x. Where the right character was held improbable, the gradient is large.
  const dprobs = mul(
    map(f.probs, (v) => 1 / v),
    dlogprobs,
  );
  // A product, of which one factor was stretched over the columns.
  const dcountsSumInv = sumCols(mul(f.counts, dprobs));
  const dcounts = mul(f.countsSumInv, dprobs);
  // 1/x: −1/x².
  const dcountsSum = mul(
    map(f.countsSum, (v) => -(v ** -2)),
    dcountsSumInv,
  );
  // A sum hands its gradient to each of its terms. The second branch to counts: added to the first.
  if (!missingBranch) addTo(dcounts, dcountsSum);
  // exp is its own slope.
  const dnormLogits = mul(f.counts, dcounts);
  // A difference, of which what is taken away was stretched over the columns.
  const dlogits = clone(dnormLogits);
  const dlogitMaxes = sumCols(scale(-1, dnormLogits));
  // A maximum comes from one place, which gets its gradient. It is 0 but for rounding: the maxima do not change the loss.
  addTo(dlogits, mul(oneHot(argmaxCols(f.logits), f.logits.cols), dlogitMaxes));

  // logits = h @ W2 + b2: of the transposes only those whose shapes fit.
  const dh = matmul(dlogits, transpose(W2));
  const dW2 = matmul(transpose(f.h), dlogits);
  const db2 = sumRows(dlogits);
  // tanh: 1 − tanh².
  const dhpreact = mul(
    map(f.h, (v) => 1 - v * v),
    dh,
  );

  // hpreact = bngain · bnraw + bnbias, gain and bias stretched over the rows.
  const dbngain = sumRows(mul(f.bnraw, dhpreact));
  const dbnraw = mul(bngain, dhpreact);
  const dbnbias = sumRows(dhpreact);
  // bnraw = bndiff · bnvarInv.
  const dbndiff = mul(f.bnvarInv, dbnraw);
  const dbnvarInv = sumRows(mul(f.bndiff, dbnraw));
  // (v + ε)^−½: −½ (v + ε)^−1½.
  const dbnvar = mul(
    map(f.bnvar, (v) => -0.5 * (v + EPSILON) ** -1.5),
    dbnvarInv,
  );
  // A sum over the rows hands its gradient to each row.
  const dbndiff2 = mul(ones(f.bndiff2), scale(1 / (n - 1), dbnvar));
  // The second branch to bndiff: x²: 2x.
  addTo(dbndiff, mul(scale(2, f.bndiff), dbndiff2));
  // bndiff = hprebn − bnmeani, and the mean is made of hprebn too.
  const dhprebn = clone(dbndiff);
  const dbnmeani = sumRows(scale(-1, dbndiff));
  addTo(dhprebn, scale(1 / n, dbnmeani));

  // hprebn = embcat @ W1 + b1, as above.
  const dembcat = matmul(dhprebn, transpose(W1));
  const dW1 = matmul(transpose(f.embcat), dhprebn);
  const db1 = sumRows(dhprebn);
  // The same numbers side by side or below each other.
  const demb = view(dembcat, f.emb.rows, f.emb.cols);
  const dC = scatterRows(demb, x, C.rows);

  return {
    ...{ logprobs: dlogprobs, probs: dprobs, countsSumInv: dcountsSumInv, countsSum: dcountsSum, counts: dcounts },
    ...{ normLogits: dnormLogits, logitMaxes: dlogitMaxes, logits: dlogits, h: dh, W2: dW2, b2: db2 },
    ...{ hpreact: dhpreact, bngain: dbngain, bnbias: dbnbias, bnraw: dbnraw, bnvarInv: dbnvarInv, bnvar: dbnvar },
    ...{ bndiff2: dbndiff2, bndiff: dbndiff, bnmeani: dbnmeani, hprebn: dhprebn },
    ...{ embcat: dembcat, W1: dW1, b1: db1, emb: demb, C: dC },
  };
}

/** Each row added to the row of the table that it was looked up in: the gradient of C[x]. */
export function scatterRows(gradient: Matrix, ids: Uint16Array, rows: number): Matrix {
  const out = matrix(rows, gradient.cols);
  for (const [i, id] of ids.entries())
    for (let c = 0; c < out.cols; c++) out.data[id * out.cols + c] += gradient.data[i * out.cols + c];
  return out;
}

const ones = (a: Matrix): Matrix => map(a, () => 1);
