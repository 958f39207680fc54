/** Matrix products: matmul of two matrices, and linear, the product with a transposed weight plus a bias. */
import { numel, show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';

/** a [m, k] @ b [k, n] → [m, n]. @throws Error naming both shapes if they do not fit. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const { backend } = a;
  const [m, k] = a.shape;
  const [kb, n] = b.shape;
  if (a.shape.length !== 2 || b.shape.length !== 2 || m === undefined || k === undefined || n === undefined || k !== kb)
    throw new Error(`matmul: shapes ${show(a.shape)} and ${show(b.shape)} do not multiply; expected [m, k] and [k, n]`);
  const c = backend.alloc(m * n);
  backend.matmul(c, a.buf, b.buf, { m, n, k });
  return output(backend, c, [m, n], 'matmul', [a, b], (g, target) => {
    const da = target(0);
    if (da) backend.matmul(da.buf, g, b.buf, { m, n: k, k: n, transB: true, accumulate: da.accumulate });
    const db = target(1);
    if (db) backend.matmul(db.buf, a.buf, g, { m: k, n, k: m, transA: true, accumulate: db.accumulate });
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
  if (bias !== null) backend.broadcastRows(y, bias.buf, m);
  backend.matmul(y, x.buf, weight.buf, { m, n, k, transB: true, accumulate: bias !== null });
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
