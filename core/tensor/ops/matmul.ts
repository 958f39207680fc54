/** Matrix products: matmul of matrices or batches of them, and linear, the product with a transposed weight plus a bias. */
import type { Buf } from '../../backend/backend.ts';
import { broadcastShapes, broadcastStrides, numel, type Shape, show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';
import { unsqueeze } from './reduce.ts';
import { view } from './shape.ts';

/**
 * a [..., m, k] @ b [..., k, n] → [..., m, n], batch dimensions broadcast, as torch.matmul. A vector on the left is a row, on
 * the right a column, whose dimension of 1 the result does not have; two vectors give their scalar product.
 * @throws Error naming both shapes if they do not fit.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const [rankA, rankB] = [a.shape.length, b.shape.length];
  if (rankA === 0 || rankB === 0 || a.shape.at(-1) !== b.shape.at(rankB === 1 ? 0 : -2))
    throw new Error(
      `matmul: shapes ${show(a.shape)} and ${show(b.shape)} do not multiply; expected [..., m, k] and [..., k, n], or [k] for either`,
    );
  if (rankA > 1 && rankB > 1) return ofMatrices(a, b);
  const c = ofMatrices(rankA === 1 ? unsqueeze(a, 0) : a, rankB === 1 ? unsqueeze(b, 1) : b);
  const [m, n] = c.shape.slice(-2);
  return view(c, ...c.shape.slice(0, -2), ...(rankA === 1 ? [] : [m]), ...(rankB === 1 ? [] : [n]));
}

function ofMatrices(a: Tensor, b: Tensor): Tensor {
  const [m, k] = a.shape.slice(-2);
  const [n] = b.shape.slice(-1);
  // A batch times one matrix is one product of all its rows.
  const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (bBatch.length === 0) return product(a, b, [...aBatch, m, n], numel(aBatch) * m, n, k, [[0, 0]]);
  const batch = broadcastShapes('matmul', aBatch, bBatch);
  const pairs = batchPairs(batch, broadcastStrides(aBatch, batch), broadcastStrides(bBatch, batch));
  return product(a, b, [...batch, m, n], m, n, k, pairs);
}

/** For each matrix of the result, in order, which of a's and which of b's it is the product of. */
function batchPairs(batch: Shape, aStrides: Shape, bStrides: Shape): [number, number][] {
  return Array.from({ length: numel(batch) }, (_, i) => {
    let [ia, ib, rest] = [0, 0, i];
    for (let d = batch.length - 1; d >= 0; d--) {
      ia += (rest % batch[d]) * aStrides[d];
      ib += (rest % batch[d]) * bStrides[d];
      rest = Math.floor(rest / batch[d]);
    }
    return [ia, ib];
  });
}

/** The products of a's and b's matrices, pair by pair; a pair's i-th is the i-th of the result. */
function product(
  a: Tensor,
  b: Tensor,
  shape: Shape,
  m: number,
  n: number,
  k: number,
  pairs: readonly (readonly [number, number])[],
): Tensor {
  const { backend } = a;
  const ofA = (buf: Buf, i: number) => buf.slice(i * m * k, m * k);
  const ofB = (buf: Buf, i: number) => buf.slice(i * k * n, k * n);
  const ofC = (buf: Buf, i: number) => buf.slice(i * m * n, m * n);
  const c = backend.alloc(numel(shape));
  for (const [i, [ia, ib]] of pairs.entries()) backend.matmul(ofC(c, i), ofA(a.buf, ia), ofB(b.buf, ib), { m, n, k });
  return output(backend, c, shape, 'matmul', [a, b], (g, target) => {
    const da = target(0);
    const db = target(1);
    // A matrix used in several products is written once and then added to.
    const [seenA, seenB] = [new Set<number>(), new Set<number>()];
    for (const [i, [ia, ib]] of pairs.entries()) {
      if (da) {
        const accumulate = da.accumulate || seenA.has(ia);
        backend.matmul(ofA(da.buf, ia), ofC(g, i), ofB(b.buf, ib), { m, n: k, k: n, transB: true, accumulate });
        seenA.add(ia);
      }
      if (db) {
        const accumulate = db.accumulate || seenB.has(ib);
        backend.matmul(ofB(db.buf, ib), ofA(a.buf, ia), ofC(g, i), { m: k, n, k: m, transA: true, accumulate });
        seenB.add(ib);
      }
    }
  });
}

/**
 * x [..., in] · weightᵀ + bias → [..., out], as torch.nn.functional.linear: weight is [out, in], bias [out] or null.
 * The bias starts each element's sum.
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const { backend } = x;
  const [n, k] = weight.shape;
  if (weight.shape.length !== 2 || n === undefined || k === undefined || x.shape.at(-1) !== k)
    throw new Error(
      `linear: input ${show(x.shape)} does not fit weight ${show(weight.shape)}; expected [..., in] and [out, in]`,
    );
  if (bias !== null && (bias.shape.length !== 1 || bias.shape[0] !== n))
    throw new Error(`linear: bias ${show(bias.shape)} does not fit weight ${show(weight.shape)}; expected [out]`);
  const outShape = [...x.shape.slice(0, -1), n];
  const m = numel(x.shape.slice(0, -1));
  const y = backend.alloc(m * n);
  backend.matmul(y, x.buf, weight.buf, { m, n, k, transB: true, ...(bias === null ? {} : { bias: bias.buf }) });
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  return output(backend, y, outShape, 'linear', inputs, (g, target) => {
    const dx = target(0);
    if (dx) backend.matmul(dx.buf, g, weight.buf, { m, n: k, k: n, accumulate: dx.accumulate });
    const dw = target(1);
    if (dw) backend.matmul(dw.buf, g, x.buf, { m: n, n: k, k: m, transA: true, accumulate: dw.accumulate });
    const db = bias === null ? null : target(2);
    if (db) backend.sumInto(db.buf, g, [m, n], [0, 1], db.accumulate);
  });
}
