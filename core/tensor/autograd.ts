/**
 * The backward pass: reverse-mode differentiation over the graph that the operations recorded.
 *
 * Iterative, so that a graph a million nodes deep does not overflow the stack; and in one fixed order (descending id),
 * so that gradients that meet at a tensor are always added in the same order.
 */
import { sameShape, show } from './shape.ts';
import type { Target, Tensor } from './tensor.ts';

/**
 * Adds d(root)/d(leaf) to the `grad` of every leaf below `root` that requires one (as torch.autograd does), starting
 * from `gradient`, or from 1. The graph is taken apart on the way: a second call on the same root finds no history.
 * @throws Error if root has no history, or is no scalar and no gradient is given.
 */
export function backward(root: Tensor, gradient?: Tensor): void {
  if (!root.requiresGrad) throw new Error('backward: nothing that led to this tensor requires a gradient');
  if (gradient === undefined && root.numel !== 1)
    throw new Error(`backward: give a gradient for a tensor of shape ${show(root.shape)}; only a scalar starts from 1`);
  if (gradient !== undefined && !sameShape(gradient.shape, root.shape))
    throw new Error(
      `backward: a gradient of shape ${show(gradient.shape)} does not fit a tensor of shape ${show(root.shape)}`,
    );

  const seed = targetOf(root);
  if (gradient === undefined && !seed.accumulate) root.backend.fill(seed.buf, 1);
  else if (gradient !== undefined) root.backend.scale(seed.buf, gradient.buf, 1, seed.accumulate);
  else throw new Error('backward: the root already has a gradient');

  for (const t of reverseTopological(root)) {
    const node = t.node;
    if (node === null || t.grad === null) continue;
    node.backward(t.grad.buf, (i) => {
      const input = node.inputs[i];
      return input?.requiresGrad ? targetOf(input) : null;
    });
    t.node = null;
    if (!t.keepsGrad) t.grad = null;
  }
}

/** Every tensor with a history below and including root, latest first. */
function reverseTopological(root: Tensor): Tensor[] {
  const seen = new Set<Tensor>([root]);
  const order: Tensor[] = [];
  const stack = [root];
  for (let t = stack.pop(); t !== undefined; t = stack.pop()) {
    if (t.node === null) continue;
    order.push(t);
    for (const input of t.node.inputs)
      if (input.requiresGrad && !seen.has(input)) {
        seen.add(input);
        stack.push(input);
      }
  }
  return order.sort((a, b) => b.id - a.id);
}

/** The buffer for t's gradient: the one it has, to be added to, or a new one, to be written. */
function targetOf(t: Tensor): Target {
  if (t.grad !== null) return { buf: t.grad.buf, accumulate: true };
  t.grad = t.newGrad();
  return { buf: t.grad.buf, accumulate: false };
}
