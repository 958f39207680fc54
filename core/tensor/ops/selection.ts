/** Choosing elements by index, and the indices of the largest. Indices are i32 tensors. */
import type { GatherSizes } from '../../backend/backend.ts';
import { normaliseDim, numel, show } from '../shape.ts';
import { type GraphNode, intOutput, noGrad, output, type Tensor } from '../tensor.ts';
import { narrow, permute } from './move.ts';

/** Ids i32 [...] → [..., numClasses], 1 at the id and 0 elsewhere: torch.nn.functional.one_hot, as f32. */
export function oneHot(ids: Tensor, numClasses: number): Tensor {
  const { backend } = ids;
  if (ids.dtype !== 'i32') throw new Error(`oneHot: the ids, of shape ${show(ids.shape)}, must be an i32 tensor`);
  const out = backend.alloc(ids.numel * numClasses);
  backend.oneHot(out, ids.buf, numClasses);
  return output(backend, out, [...ids.shape, numClasses], 'oneHot', [], () => {});
}

/**
 * out[i, j, k] = x[i, index[i, j, k], k] (for dim 1), as torch.gather: the index has x's rank and is no longer than x in
 * other dimensions. An element chosen several times adds up its gradients in row-major order of the index.
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  const d = normaliseDim('gather', dim, x.shape.length);
  const others = x.shape.map((n, i) => (i === d ? n : index.shape[i]));
  if (index.shape.length !== x.shape.length || others.some((n, i) => n > x.shape[i]))
    throw new Error(
      `gather: an index of shape ${show(index.shape)} does not fit ${show(x.shape)} along dimension ${dim}; expected as many dimensions, and no longer ones elsewhere`,
    );
  if (index.dtype !== 'i32') throw new Error(`gather: the index, of shape ${show(index.shape)}, must be an i32 tensor`);
  const cut = others.reduce((t, n, i) => (n < x.shape[i] ? narrow(t, i, 0, n) : t), x);
  const sizes = {
    ...{ outer: numel(others.slice(0, d)), n: others[d], m: index.shape[d], inner: numel(others.slice(d + 1)) },
  } satisfies GatherSizes;
  return gathered(cut, index, sizes);
}

function gathered(x: Tensor, index: Tensor, sizes: GatherSizes): Tensor {
  const { backend } = x;
  const out = backend.alloc(index.numel);
  backend.gather(out, x.buf, index.buf, sizes);
  const backward: GraphNode['backward'] = (g, target) => {
    const dx = target(0);
    if (!dx) return;
    if (!dx.accumulate) backend.fill(dx.buf, 0);
    backend.scatterAdd(dx.buf, g, index.buf, sizes);
  };
  return output(backend, out, index.shape, 'gather', [x], backward, x.dtype);
}

/** What is chosen for being the largest along a dimension: the elements, and their places there (i32). */
export interface Largest {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/**
 * As torch.topk over the last dimension, sorted. Of equal elements the lower index comes first (PyTorch promises no order);
 * NaN counts as the largest. The values' gradient goes to the elements chosen.
 */
export function topk(x: Tensor, k: number): Largest {
  const { backend } = x;
  const cols = x.shape.at(-1);
  if (cols === undefined || !(Number.isInteger(k) && k >= 0 && k <= cols))
    throw new RangeError(`topk: k = ${k} does not fit the last dimension of a tensor of shape ${show(x.shape)}`);
  expectFloats('topk', x);
  const shape = [...x.shape.slice(0, -1), k];
  const buf = backend.alloc(numel(shape));
  backend.topk(buf, x.buf, cols, k);
  const indices = intOutput(backend, buf, shape);
  return { values: gather(x, -1, indices), indices };
}

/**
 * The place of the largest element along `dim`, or in row-major order of all, as torch.argmax: i32. Of equal elements the
 * first; NaN counts as the largest.
 */
export function argmax(x: Tensor, dim?: number, keepdim = false): Tensor {
  const { backend } = x;
  const d = dim === undefined ? undefined : normaliseDim('argmax', dim, x.shape.length);
  expectFloats('argmax', x);
  const cols = d === undefined ? x.numel : x.shape[d];
  if (cols === 0) throw new Error(`argmax: a tensor of shape ${show(x.shape)} has no elements to choose from`);
  const kept = x.shape.map((n, i) => (d === undefined || i === d ? 1 : n));
  const shape = keepdim ? kept : d === undefined ? [] : kept.toSpliced(d, 1);
  const rows = d === undefined || d === x.shape.length - 1 ? x : noGrad(() => lastly(x, d));
  const buf = backend.alloc(numel(kept));
  backend.topk(buf, rows.buf, cols, 1);
  return intOutput(backend, buf, shape);
}

function expectFloats(op: string, x: Tensor): void {
  if (x.dtype !== 'f32') throw new Error(`${op}: expected f32, got a tensor of ${x.dtype} and shape ${show(x.shape)}`);
}

/** x with dimension d moved behind the others. */
function lastly(x: Tensor, d: number): Tensor {
  const order = x.shape.map((_, i) => i);
  return permute(x, ...order.toSpliced(d, 1), d);
}
