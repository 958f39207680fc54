/**
 * What core/kernels/index.ts exports, as JavaScript sees it: addresses are bytes (wrapped to 32 bits), lengths elements,
 * booleans 0 or 1. Nothing here computes.
 */
import type { BinaryOp, UnaryOp } from '../backend.ts';

/** The numbering in core/kernels/unary.ts. */
export const UNARY_CODES: Readonly<Record<UnaryOp, number>> = {
  neg: 0,
  exp: 1,
  log: 2,
  tanh: 3,
  relu: 4,
  sqrt: 5,
  square: 6,
  reciprocal: 7,
  erf: 8,
  sigmoid: 9,
  gelu: 10,
  geluTanh: 11,
};

/** The numbering in core/kernels/binary.ts. */
export const BINARY_CODES: Readonly<Record<BinaryOp, number>> = { add: 0, sub: 1, mul: 2, div: 3 };

type Kernel<Names extends readonly unknown[], Result = void> = (
  ...args: { [I in keyof Names]: Names[I] extends 'flag' ? boolean : number }
) => Result;

export type MatmulKernel = Kernel<['c', 'a', 'b', 'm', 'n', 'k', 'flag', 'flag', 'flag', 'scratch']>;

export interface KernelExports {
  readonly MATMUL_SCRATCH_BYTES: WebAssembly.Global;
  /** The address at which the module's own constants end. */
  readonly heapBase: () => number;
  readonly fill: Kernel<['dst', 'n', 'value']>;
  readonly copy: Kernel<['dst', 'src', 'n']>;
  readonly scale: Kernel<['dst', 'x', 'n', 'alpha', 'flag']>;
  readonly broadcastRows: Kernel<['dst', 'row', 'rows', 'cols']>;
  readonly unary: Kernel<['op', 'y', 'x', 'n']>;
  readonly unaryBackward: Kernel<['op', 'dx', 'g', 'x', 'y', 'n', 'flag']>;
  readonly binary: Kernel<
    ['op', 'flag', 'dst', 'a', 'b', 'n0', 'a0', 'b0', 'n1', 'a1', 'b1', 'n2', 'a2', 'b2', 'n3', 'a3', 'b3']
  >;
  readonly sumRows: Kernel<['dst', 'src', 'rows', 'cols', 'flag']>;
  readonly sumColumns: Kernel<['dst', 'src', 'rows', 'cols', 'flag']>;
  readonly matmul: MatmulKernel;
  readonly matmulWide: MatmulKernel;
  readonly fmaPeak: Kernel<['at', 'rounds', 'flag']>;
  readonly embedding: Kernel<['out', 'weight', 'ids', 'count', 'rows', 'dim'], number>;
  readonly embeddingBackward: Kernel<['dWeight', 'g', 'ids', 'count', 'rows', 'dim'], number>;
  readonly batchNorm: Kernel<['y', 'x', 'weight', 'bias', 'mean', 'variance', 'rows', 'channels', 'eps', 'flag']>;
  readonly batchNormEval: Kernel<['y', 'x', 'weight', 'bias', 'mean', 'variance', 'rows', 'channels', 'eps']>;
  readonly batchNormBackward: Kernel<
    [
      'dx',
      'dWeight',
      'dBias',
      'g',
      'x',
      'weight',
      'mean',
      'variance',
      'rows',
      'channels',
      'eps',
      'flag',
      'flag',
      'flag',
      'flag',
    ]
  >;
  readonly layerNorm: Kernel<['y', 'x', 'weight', 'bias', 'mean', 'rstd', 'rows', 'cols', 'eps']>;
  readonly layerNormBackward: Kernel<
    ['dx', 'dWeight', 'dBias', 'g', 'x', 'weight', 'mean', 'rstd', 'rows', 'cols', 'flag', 'flag', 'flag']
  >;
  readonly dropout: Kernel<['y', 'x', 'n', 'threshold', 'scale', 'step', 'microBatch', 'site', 'key0', 'key1', 'flag']>;
  readonly copyStrided: Kernel<
    ['dst', 'src', 'flag', 'n0', 'd0', 's0', 'n1', 'd1', 's1', 'n2', 'd2', 's2', 'n3', 'd3', 's3']
  >;
  readonly maskedFill: Kernel<['dst', 'x', 'mask', 'value', 'flag', 'n0', 'm0', 'n1', 'm1']>;
  readonly onlineSoftmax: Kernel<['s', 'o', 'top', 'sum', 'rows', 'cols', 'dim', 'scale', 'flag', 'offset', 'flag']>;
  readonly attentionFinish: Kernel<['o', 'lse', 'top', 'sum', 'rows', 'dim']>;
  readonly rowDots: Kernel<['dst', 'a', 'b', 'rows', 'dim']>;
  readonly attentionGradient: Kernel<['s', 'dp', 'lse', 'delta', 'rows', 'cols', 'scale', 'flag', 'offset']>;
  readonly softmax: Kernel<['y', 'x', 'rows', 'cols', 'flag']>;
  readonly softmaxBackward: Kernel<['dx', 'g', 'y', 'rows', 'cols', 'flag', 'flag']>;
  readonly crossEntropy: Kernel<['losses', 'lse', 'logits', 'targets', 'rows', 'classes', 'ignore'], number>;
  readonly crossEntropyBackward: Kernel<
    ['d', 'g', 'logits', 'lse', 'targets', 'rows', 'classes', 'ignore', 'flag'],
    number
  >;
  readonly oneHot: Kernel<['dst', 'ids', 'count', 'classes'], number>;
  readonly gather: Kernel<['out', 'x', 'index', 'outer', 'n', 'm', 'inner'], number>;
  readonly scatterAdd: Kernel<['dx', 'g', 'index', 'outer', 'n', 'm', 'inner'], number>;
  readonly topk: Kernel<['indices', 'x', 'rows', 'cols', 'k']>;
  readonly amax: Kernel<['y', 'x', 'rows', 'cols']>;
  readonly amaxBackward: Kernel<['dx', 'g', 'x', 'y', 'rows', 'cols', 'flag']>;
  readonly countNotEqual: Kernel<['dst', 'ids', 'n', 'value']>;
  readonly multinomial: Kernel<
    ['indices', 'p', 'rows', 'classes', 'samples', 'step', 'microBatch', 'site', 'key0', 'key1'],
    number
  >;
  readonly pow: Kernel<['y', 'x', 'n', 'exponent']>;
  readonly packBf16: Kernel<['dst', 'src', 'n']>;
  readonly unpackBf16: Kernel<['dst', 'src', 'n']>;
  readonly packF16: Kernel<['dst', 'src', 'n']>;
  readonly unpackF16: Kernel<['dst', 'src', 'n']>;
  readonly sumOfSquares: Kernel<['dst', 'x', 'n']>;
  readonly allFinite: Kernel<['dst', 'x', 'n']>;
  readonly sgd: Kernel<['p', 'g', 'buffer', 'n', 'lr', 'momentum', 'decay', 'flag', 'flag']>;
  readonly adamw: Kernel<
    ['p', 'g', 'm', 'v', 'n', 'keep', 'oneMinusBeta1', 'beta2', 'oneMinusBeta2', 'step', 'root', 'eps']
  >;
}

/** Which micro-kernel multiplies matrices. Both give the same bits; tuneNode.ts says when which is the faster. */
export type MatmulTile = '6x8' | '6x16';

/** The compiled kernels and how to use them: all that another thread needs for a backend of its own. */
export interface Kernels {
  readonly module: WebAssembly.Module;
  readonly matmulTile: MatmulTile;
}

/** An instance of the kernels over `memory`. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  // The only cast: the module is compiled from core/kernels/index.ts, and this file says what that exports.
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
}
