/** What the tensor room offers: Tensor, the backward pass, and the operations by PyTorch's names. */
export { backward } from './autograd.ts';
export { type AttentionArguments, causalSelfAttention, scaledDotProductAttention } from './ops/attention.ts';
export { type BatchStatistics, batchNorm, batchNormEval } from './ops/batchNorm.ts';
export { dropout, type RandomSource } from './ops/dropout.ts';
export {
  add,
  div,
  erf,
  exp,
  gelu,
  log,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
} from './ops/elementwise.ts';
export { embedding } from './ops/embedding.ts';
export { amax, max } from './ops/extremes.ts';
export { layerNorm } from './ops/layerNorm.ts';
export { linear, matmul } from './ops/matmul.ts';
export { cat, maskedFill, narrow, permute, slice, split, transpose } from './ops/move.ts';
export { multinomial } from './ops/multinomial.ts';
export { mean, type ReduceOptions, sum, unsqueeze } from './ops/reduce.ts';
export { argmax, gather, type Largest, oneHot, topk } from './ops/selection.ts';
export { reshape, view } from './ops/shape.ts';
export { type CrossEntropyOptions, crossEntropy, logSoftmax, softmax } from './ops/softmax.ts';
export { std, type VarianceOptions, variance } from './ops/variance.ts';
export { numel, type Shape, sameShape, show } from './shape.ts';
export { intTensor, noGrad, Tensor, tensor } from './tensor.ts';
