/** Maxima over dimensions: by value, whose gradient ties share, and by index, whose gradient goes to the one chosen. */
import { normaliseDim, numel, sameShape, show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';
import { permute } from './move.ts';
import { type ReduceOptions, reducedShape } from './reduce.ts';
import { argmax, gather, type Largest } from './selection.ts';
import { view } from './shape.ts';

/**
 * The largest element over `dim` (all dimensions when left out), as torch.amax: NaN if any is; elements that tie share the
 * gradient evenly.
 */
export function amax(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { dims, shape } = reducedShape('amax', x, options);
  const all = x.shape.map((_, i) => i);
  const order = [...all.filter((i) => !dims.has(i)), ...all.filter((i) => dims.has(i))];
  const rows = sameShape(order, all) ? x : permute(x, ...order);
  const { backend } = x;
  const cols = numel(x.shape.filter((_, i) => dims.has(i)));
  if (cols === 0) throw new Error(`amax: a tensor of shape ${show(x.shape)} has no elements to choose from`);
  const y = backend.alloc(numel(shape));
  backend.amax(y, rows.buf, cols);
  return output(backend, y, shape, 'amax', [rows], (g, target) => {
    const dx = target(0);
    if (dx) backend.amaxBackward(dx.buf, g, rows.buf, y, cols, dx.accumulate);
  });
}

/**
 * As torch.max. Without a dimension, the largest element of all, a tie's gradient shared; along `dim`, the largest and its
 * place, which alone gets the gradient: of equal elements the first, NaN counting as the largest.
 */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, dim: number, keepdim?: boolean): Largest;
export function max(x: Tensor, dim?: number, keepdim = false): Tensor | Largest {
  if (dim === undefined) return amax(x);
  const d = normaliseDim('max', dim, x.shape.length);
  const indices = argmax(x, d, true);
  const values = gather(x, d, indices);
  if (keepdim) return { values, indices };
  const shape = x.shape.toSpliced(d, 1);
  return { values: view(values, ...shape), indices: view(indices, ...shape) };
}
