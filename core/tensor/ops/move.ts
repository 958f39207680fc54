/** Operations that put elements elsewhere: permute, cut, join, mask. All copy; results are dense. */
import { broadcastShapes, broadcastStrides, normaliseDim, numel, type Shape, sameShape, show } from '../shape.ts';
import { type GraphNode, output, type Tensor } from '../tensor.ts';

/** Row-major strides that count dimensions of size 1 too. */
function denseStrides(shape: Shape): number[] {
  return shape.map((_, d) => numel(shape.slice(d + 1)));
}

/** The dimensions in another order, as torch.permute. @throws Error unless `dims` names each once. */
export function permute(x: Tensor, ...dims: number[]): Tensor {
  const { backend } = x;
  const rank = x.shape.length;
  const order = dims.map((d) => normaliseDim('permute', d, rank));
  if (order.length !== rank || new Set(order).size !== rank)
    throw new Error(`permute: ${show(dims)} does not name each dimension of shape ${show(x.shape)} once`);
  const shape = order.map((d) => x.shape[d]);
  const [from, to] = [order.map((d) => denseStrides(x.shape)[d]), denseStrides(shape)];
  const out = backend.alloc(x.numel);
  backend.copyStrided(out, x.buf, shape, to, from, false);
  const backward: GraphNode['backward'] = (g, target) => {
    const dx = target(0);
    if (dx) backend.copyStrided(dx.buf, g, shape, from, to, dx.accumulate);
  };
  return output(backend, out, shape, 'permute', [x], backward, x.dtype);
}

/** Two dimensions exchanged, as torch.transpose. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const rank = x.shape.length;
  const [a, b] = [normaliseDim('transpose', dim0, rank), normaliseDim('transpose', dim1, rank)];
  return permute(x, ...x.shape.map((_, d) => (d === a ? b : d === b ? a : d)));
}

/** `length` places of dimension `dim` from `start` on, as torch.narrow. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  const { backend } = x;
  const d = normaliseDim('narrow', dim, x.shape.length);
  if (
    !(Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 0 && start + length <= x.shape[d])
  )
    throw new RangeError(
      `narrow: [${start}, ${start + length}) leaves dimension ${dim} of a tensor of shape ${show(x.shape)}`,
    );
  const shape = x.shape.with(d, length);
  const [from, to] = [denseStrides(x.shape), denseStrides(shape)];
  const [skip, reach] = [start * from[d], x.numel - start * from[d]];
  const out = backend.alloc(numel(shape));
  backend.copyStrided(out, x.buf.slice(skip, reach), shape, to, from, false);
  const backward: GraphNode['backward'] = (g, target) => {
    const dx = target(0);
    if (!dx) return;
    if (!dx.accumulate) backend.fill(dx.buf, 0);
    backend.copyStrided(dx.buf.slice(skip, reach), g, shape, from, to, true);
  };
  return output(backend, out, shape, 'narrow', [x], backward, x.dtype);
}

/** x[..., start:end, ...] along `dim`, negative bounds from the end, as Python slices (step 1). */
export function slice(x: Tensor, dim: number, start = 0, end?: number): Tensor {
  const size = x.shape[normaliseDim('slice', dim, x.shape.length)];
  const bound = (i: number) => Math.min(size, Math.max(0, i < 0 ? i + size : i));
  const from = bound(start);
  return narrow(x, dim, from, Math.max(0, bound(end ?? size) - from));
}

/** Pieces of `size` along `dim` (the last may be shorter), or of the given sizes, as torch.split. */
export function split(x: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  const total = x.shape[normaliseDim('split', dim, x.shape.length)];
  if (typeof size === 'number' && !(Number.isInteger(size) && size > 0))
    throw new RangeError(`split: the size must be a positive integer, not ${size}`);
  const sizes =
    typeof size === 'number'
      ? Array.from({ length: Math.ceil(total / size) }, (_, i) => Math.min(size, total - i * size))
      : size;
  if (sizes.reduce((a, b) => a + b, 0) !== total)
    throw new Error(`split: sizes ${show(sizes)} do not add up to dimension ${dim} of shape ${show(x.shape)}`);
  let start = 0;
  return sizes.map((length) => {
    const piece = narrow(x, dim, start, length);
    start += length;
    return piece;
  });
}

/** Tensors joined along `dim`, as torch.cat. @throws Error naming two shapes that differ elsewhere. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new Error('cat: needs at least one tensor');
  const { backend } = first;
  const d = normaliseDim('cat', dim, first.shape.length);
  for (const t of tensors)
    if (t.shape.length !== first.shape.length || !sameShape(t.shape.with(d, 0), first.shape.with(d, 0)))
      throw new Error(`cat: shapes ${show(first.shape)} and ${show(t.shape)} differ outside dimension ${dim}`);
  const shape = first.shape.with(
    d,
    tensors.reduce((n, t) => n + t.shape[d], 0),
  );
  const to = denseStrides(shape);
  const out = backend.alloc(numel(shape));
  let start = 0;
  const starts = tensors.map((t) => {
    const at = start;
    start += t.shape[d] * to[d];
    return at;
  });
  for (const [i, t] of tensors.entries())
    backend.copyStrided(out.slice(starts[i], out.length - starts[i]), t.buf, t.shape, to, denseStrides(t.shape), false);
  const backward: GraphNode['backward'] = (g, target) => {
    for (const [i, t] of tensors.entries()) {
      const dt = target(i);
      const part = g.slice(starts[i], g.length - starts[i]);
      if (dt) backend.copyStrided(dt.buf, part, t.shape, denseStrides(t.shape), to, dt.accumulate);
    }
  };
  return output(backend, out, shape, 'cat', tensors, backward, first.dtype);
}

/** x with `value` wherever the i32 mask is not 0, as torch.Tensor.masked_fill; the mask broadcasts to x's shape. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  const { backend } = x;
  if (mask.dtype !== 'i32') throw new Error('maskedFill: the mask must be an i32 tensor of 0 and 1');
  if (!sameShape(broadcastShapes('maskedFill', x.shape, mask.shape), x.shape))
    throw new Error(`maskedFill: a mask of shape ${show(mask.shape)} does not broadcast to ${show(x.shape)}`);
  const strides = broadcastStrides(mask.shape, x.shape);
  const out = backend.alloc(x.numel);
  backend.maskedFill(out, x.buf, mask.buf, x.shape, strides, value, false);
  return output(backend, out, x.shape, 'maskedFill', [x], (g, target) => {
    const dx = target(0);
    if (dx) backend.maskedFill(dx.buf, g, mask.buf, x.shape, strides, 0, dx.accumulate);
  });
}
