/** Softmax, its logarithm, and the cross-entropy from logits that fuses the two with the choice of a target. */
import { show } from '../shape.ts';
import { output, Tensor } from '../tensor.ts';
import { div } from './elementwise.ts';
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

export interface CrossEntropyOptions {
  /** 'mean' and 'sum' give a scalar, 'none' a loss a target. The mean is over the targets that are not ignored. */
  reduction?: 'sum' | 'mean' | 'none';
  /** Targets of this value count for nothing: their loss is 0 and they have no gradient. −100 when left out. */
  ignoreIndex?: number;
}

/**
 * Cross-entropy of logits [..., classes] with targets i32 [...], as torch.nn.functional.cross_entropy. The mean of no
 * targets, or of ignored ones alone, is NaN.
 * @throws RangeError if a target is neither a class nor `ignoreIndex`
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { reduction = 'mean', ignoreIndex = -100 } = options;
  const { backend } = logits;
  const classes = lastDim('crossEntropy', logits);
  const rows = targets.numel;
  if (targets.dtype !== 'i32' || rows * classes !== logits.numel)
    throw new Error(`crossEntropy: targets ${show(targets.shape)} (i32) do not fit logits ${show(logits.shape)}`);
  const losses = backend.alloc(rows);
  const logSumExp = backend.alloc(rows);
  backend.crossEntropy(losses, logSumExp, logits.buf, targets.buf, classes, ignoreIndex);
  const each = output(backend, losses, targets.shape, 'crossEntropy', [logits], (g, target) => {
    const d = target(0);
    if (!d) return;
    backend.crossEntropyBackward(d.buf, g, logits.buf, logSumExp, targets.buf, classes, ignoreIndex, d.accumulate);
  });
  switch (reduction) {
    case 'none':
      return each;
    case 'sum':
      return sum(each);
    case 'mean': {
      const count = backend.alloc(1);
      backend.countNotEqual(count, targets.buf, ignoreIndex);
      return div(sum(each), new Tensor({ backend, buf: count }, []));
    }
    default:
      return reduction satisfies never;
  }
}
