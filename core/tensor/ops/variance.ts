/** Variance and standard deviation over dimensions, made of smaller operations. */
import { numel } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';
import { mul, square, sub } from './elementwise.ts';
import { mean, type ReduceOptions, reducedShape, sum } from './reduce.ts';

export interface VarianceOptions extends ReduceOptions {
  /** Divides by n − 1 (the default, as in PyTorch) rather than n. */
  unbiased?: boolean;
}

/** The variance over `dim`, as torch.var; two passes. NaN where the divisor is 0. */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  const { unbiased = true, ...reduction } = options;
  const n = x.numel / numel(reducedShape('variance', x, options).kept);
  const deviation = sub(x, mean(x, { ...reduction, keepdim: true }));
  return mul(sum(square(deviation), reduction), 1 / (unbiased ? n - 1 : n));
}

/** The standard deviation over `dim`, as torch.std: √variance. Where it is 0, so is the gradient. */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  const v = variance(x, options);
  const { backend } = x;
  const root = backend.alloc(v.numel);
  backend.unary('sqrt', root, v.buf);
  return output(backend, root, v.shape, 'std', [v], (g, target) => {
    const dv = target(0);
    if (!dv) return;
    const slope = backend.alloc(v.numel);
    backend.unaryBackward('sqrt', slope, g, v.buf, root, false);
    // The gradient of relu keeps what stands at a positive root and drops the rest, √'s infinite slope at 0.
    backend.unaryBackward('relu', dv.buf, slope, root, root, dv.accumulate);
  });
}
