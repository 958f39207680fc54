/** Operations that move no element: other shapes over the same buffer. */
import { numel, type Shape, show } from '../shape.ts';
import { type GraphNode, output, type Tensor } from '../tensor.ts';

/** The same elements in another shape, as torch.Tensor.view; one dimension may be −1. @throws Error if sizes differ. */
export function view(x: Tensor, ...shape: number[]): Tensor {
  const resolved = resolve(x.shape, shape);
  const backward: GraphNode['backward'] = (g, target) => {
    const dx = target(0);
    if (dx) x.backend.scale(dx.buf, g, 1, dx.accumulate);
  };
  return output(x.backend, x.buf, resolved, 'view', [x], backward, x.dtype);
}

/** The same as `view`, since every tensor here is dense. */
export const reshape = view;

function resolve(from: Shape, to: readonly number[]): number[] {
  const known = numel(to.filter((d) => d !== -1));
  const unknown = to.filter((d) => d === -1).length;
  const resolved = to.map((d) => (d === -1 ? numel(from) / known : d));
  if (unknown > 1 || numel(resolved) !== numel(from) || !resolved.every((d) => Number.isInteger(d) && d >= 0))
    throw new Error(`view: a tensor of shape ${show(from)} cannot be seen as ${show(to)}`);
  return resolved;
}
