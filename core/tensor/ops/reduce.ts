/** Reductions: sum and mean, over all or some dimensions. */
import { normaliseDim, numel } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { view } from './shape.ts';

export interface ReduceOptions {
  /** The dimensions to reduce, negative from the end; all of them when left out. */
  dim?: number | readonly number[];
  /** Keeps reduced dimensions with size 1. */
  keepdim?: boolean;
}

/** The sum over `dim`, as torch.sum. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { backend } = x;
  const { kept, shape } = reducedShape('sum', x, options);
  // The strides of a dense result that keeps every dimension, with 0 where a dimension is summed away.
  const strides = new Array<number>(kept.length).fill(0);
  let stride = 1;
  for (let d = kept.length - 1; d >= 0; d--) {
    if (kept[d] !== 1) strides[d] = stride;
    stride *= kept[d] as number;
  }
  const out = backend.alloc(numel(shape));
  backend.sumInto(out, x.buf, x.shape, strides, false);
  return output(backend, out, shape, 'sum', [x], (g, target) => {
    const dx = target(0);
    if (!dx) return;
    const one = backend.alloc(1);
    backend.fill(one, 1);
    const zeros = x.shape.map(() => 0);
    backend.binary('mul', dx.buf, g, one, x.shape, strides, zeros, dx.accumulate);
  });
}

/** The mean over `dim`, as torch.mean. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { shape } = reducedShape('mean', x, options);
  return mul(sum(x, options), numel(shape) / x.numel);
}

/** Gives x the shape it would have had with keepdim. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const d = normaliseDim('unsqueeze', dim, x.shape.length + 1);
  return view(x, ...x.shape.slice(0, d), 1, ...x.shape.slice(d));
}

/** The dimensions to reduce, and what is left of x's shape: with each of them of size 1, and as the options ask. */
export function reducedShape(
  op: string,
  x: Tensor,
  options: ReduceOptions,
): { dims: ReadonlySet<number>; kept: number[]; shape: number[] } {
  const { dim, keepdim = false } = options;
  const rank = x.shape.length;
  const asked = dim === undefined ? x.shape.map((_, i) => i) : typeof dim === 'number' ? [dim] : dim;
  const dims = new Set(asked.map((d) => normaliseDim(op, d, rank)));
  const kept = x.shape.map((size, i) => (dims.has(i) ? 1 : size));
  return { dims, kept, shape: keepdim ? kept : x.shape.filter((_, i) => !dims.has(i)) };
}
