/**
 * The kernels' front door: everything that WasmBackend calls. It computes nothing itself.
 *
 * These files are AssemblyScript, compiled by deploy/build-wasm.mjs. Kernels take raw byte addresses (usize) and lengths
 * in elements (i32), allocate nothing, and may read (never write) up to 64 bytes past a buffer's end: the arena keeps
 * that much slack. `relaxed_madd` is assumed to be a fused multiply-add; no other relaxed instruction is used.
 */
export { attentionFinish, attentionGradient, onlineSoftmax, rowDots } from './attention';
export { batchNorm, batchNormBackward, batchNormEval } from './batchnorm';
export { binary } from './binary';
export { packBf16, packF16, unpackBf16, unpackF16 } from './codecs';
export { crossEntropy, crossEntropyBackward } from './crossentropy';
export { dropout } from './dropout';
export { copy, fill, scale } from './elementwise';
export { embedding, embeddingBackward } from './embedding';
export { layerNorm, layerNormBackward } from './layernorm';
export { matmul } from './matmul';
// The wide kernel needs the more working memory of the two.
export { matmulWide, MATMUL_WIDE_SCRATCH_BYTES as MATMUL_SCRATCH_BYTES } from './matmulWide';
export { copyStrided, maskedFill } from './move';
export { multinomial } from './multinomial';
export { adamw, allFinite, sgd, sumOfSquares } from './optim';
export { fmaPeak } from './peak';
export { pow } from './power';
export { replay } from './replay';
export { sumColumns, sumRows } from './reduce';
export { amax, amaxBackward, countNotEqual, gather, oneHot, scatterAdd, topk } from './selection';
export { softmax, softmaxBackward } from './softmax';
export { unary, unaryBackward } from './unary';

/** Where the module's own constants end: all memory from here on is the caller's. */
export function heapBase(): usize {
  return __heap_base;
}
