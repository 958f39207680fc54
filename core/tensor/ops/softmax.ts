/** Softmax, its logarithm, and the cross-entropy from logits that fuses the two with the choice of a target. */
import { show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { sum } from './reduce.ts';

function lastDim(op: string, x: Tensor): number {
  const cols = x.shape.at(-1);
  if (cols === undefined) throw new Error(`${op}: needs at least one dimension, got a scalar`);
  return cols;
}

function alongLast(op: string, x: Tensor, isLog: boolean): Tensor {
  const { backend } = x;
  const cols = lastDim(op, x);
  const y = backend.alloc(x.numel);
  backend.softmax(y, x.buf, cols, isLog);
  return output(backend, y, x.shape, op, [x], (g, target) => {
    const dx = target(0);
    if (dx) backend.softmaxBackward(dx.buf, g, y, cols, isLog, dx.accumulate);
  });
}

/** Softmax over the last dimension. */
export const softmax = (x: Tensor): Tensor => alongLast('softmax', x, false);

/** The logarithm of the softmax over the last dimension. */
export const logSoftmax = (x: Tensor): Tensor => alongLast('logSoftmax', x, true);

/**
 * Cross-entropy of logits [..., classes] with targets i32 [...], as torch.nn.functional.cross_entropy. A negative target
 * is ignored (loss 0, no gradient).
 * @param reduction 'sum' and 'mean' give a scalar ('mean' divides by `count`, all targets unless given), 'none' a loss a row.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: { reduction?: 'sum' | 'mean' | 'none'; count?: number } = {},
): Tensor {
  const { backend } = logits;
  const classes = lastDim('crossEntropy', logits);
  const rows = targets.numel;
  if (targets.dtype !== 'i32' || rows * classes !== logits.numel)
    throw new Error(`crossEntropy: targets ${show(targets.shape)} (i32) do not fit logits ${show(logits.shape)}`);
  const losses = backend.alloc(rows);
  const logSumExp = backend.alloc(rows);
  backend.crossEntropy(losses, logSumExp, logits.buf, targets.buf, classes);
  const each = output(backend, losses, targets.shape, 'crossEntropy', [logits], (g, target) => {
    const d = target(0);
    if (d) backend.crossEntropyBackward(d.buf, g, logits.buf, logSumExp, targets.buf, classes, d.accumulate);
  });
  const reduction = options.reduction ?? 'mean';
  switch (reduction) {
    case 'none':
      return each;
    case 'sum':
      return sum(each);
    case 'mean':
      return mul(sum(each), 1 / (options.count ?? rows));
    default:
      return reduction satisfies never;
  }
}
