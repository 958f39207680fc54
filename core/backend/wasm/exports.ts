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

/** The numbering in core/kernels/triangle.ts. */
export const TRIANGLES = { columns: 1, depth: 2, reach: 3 } as const;

/** The numbering in core/kernels/binary.ts. */
export const BINARY_CODES: Readonly<Record<BinaryOp, number>> = { add: 0, sub: 1, mul: 2, div: 3 };

const MATMUL = [
  ...['*c', '*a', '*b', 'm', 'n', 'k', 'ldc', 'lda', 'ldb', '?transA', '?transB', '?accumulate'],
  ...['*bias', 'activation', '*y', 'triangle', 'offset', '*scratch'],
] as const;

/**
 * Every kernel's arguments in order, each by a name whose first character is its kind: `*` an address, `?` a flag, `~` a f32,
 * none a whole number. A program (program.ts) names a kernel by its place in this list, which is also the order of the
 * cases in core/kernels/replay.ts.
 */
export const SIGNATURES = {
  fill: ['*dst', 'n', '~value'],
  copy: ['*dst', '*src', 'n'],
  scale: ['*dst', '*x', 'n', '~alpha', '?accumulate'],
  unary: ['op', '*y', '*x', 'n'],
  unaryBackward: ['op', '*dx', '*g', '*x', '*y', 'n', '?accumulate'],
  binary: [
    ...['op', '?accumulate', '*dst', '*a', '*b'],
    ...['n0', 'a0', 'b0', 'n1', 'a1', 'b1', 'n2', 'a2', 'b2', 'n3', 'a3', 'b3'],
  ],
  sumRows: ['*dst', '*src', 'rows', 'cols', '?accumulate'],
  sumColumns: ['*dst', '*src', 'rows', 'cols', '?accumulate'],
  matmul: MATMUL,
  matmulWide: MATMUL,
  embedding: ['*out', '*weight', '*ids', 'count', 'rows', 'dim'],
  embeddingBackward: ['*dWeight', '*g', '*ids', 'count', 'rows', 'dim'],
  batchNorm: ['*y', '*x', '*weight', '*bias', '*mean', '*variance', 'rows', 'channels', '~eps', '?unbiased'],
  batchNormEval: ['*y', '*x', '*weight', '*bias', '*mean', '*variance', 'rows', 'channels', '~eps'],
  batchNormBackward: [
    ...['*dx', '*dWeight', '*dBias', '*g', '*x', '*weight', '*mean', '*variance', 'rows', 'channels', '~eps'],
    ...['?unbiased', '?addDx', '?addDWeight', '?addDBias'],
  ],
  layerNorm: ['*y', '*x', '*weight', '*bias', '*mean', '*rstd', 'rows', 'cols', '~eps'],
  layerNormBackward: [
    ...['*dx', '*dWeight', '*dBias', '*g', '*x', '*weight', '*mean', '*rstd', 'rows', 'cols'],
    ...['?addDx', '?addDWeight', '?addDBias'],
  ],
  dropout: ['*y', '*x', 'n', 'threshold', '~scale', '*place', 'site', '?accumulate'],
  copyStrided: [
    ...['*dst', '*src', '?accumulate'],
    ...['n0', 'd0', 's0', 'n1', 'd1', 's1', 'n2', 'd2', 's2', 'n3', 'd3', 's3'],
  ],
  maskedFill: ['*dst', '*x', '*mask', '~value', '?accumulate', 'n0', 'm0', 'n1', 'm1'],
  onlineSoftmax: [
    ...['*s', '*o', 'ldo', '*top', '*sum', 'rows', 'cols', 'dim', '~scale', '?causal', 'offset', '?first'],
  ],
  attentionFinish: ['*o', 'ldo', '*lse', '*top', '*sum', 'rows', 'dim'],
  rowDots: ['*dst', '*a', '*b', 'stride', 'rows', 'dim'],
  attentionGradient: ['*s', '*dp', '*lse', '*delta', 'rows', 'cols', '~scale', '?causal', 'offset'],
  softmax: ['*y', '*x', 'rows', 'cols', '?log'],
  softmaxBackward: ['*dx', '*g', '*y', 'rows', 'cols', '?log', '?accumulate'],
  crossEntropy: ['*losses', '*lse', '*logits', '*targets', 'rows', 'classes', 'ignore'],
  crossEntropyBackward: ['*d', '*g', '*logits', '*lse', '*targets', 'rows', 'classes', 'ignore', '?accumulate'],
  sumOfSquares: ['*dst', '*x', 'n'],
  allFinite: ['*dst', '*x', 'n'],
  sgd: ['*p', '*g', '*buffer', 'n', '~lr', '~momentum', '~decay', '?nesterov', '?first'],
  adamw: [
    ...['*p', '*g', '*m', '*v', 'n'],
    ...['~keep', '~oneMinusBeta1', '~beta2', '~oneMinusBeta2', '~step', '~root', '~eps'],
  ],
  oneHot: ['*dst', '*ids', 'count', 'classes'],
  gather: ['*out', '*x', '*index', 'outer', 'n', 'm', 'inner'],
  scatterAdd: ['*dx', '*g', '*index', 'outer', 'n', 'm', 'inner'],
  topk: ['*indices', '*x', 'rows', 'cols', 'k'],
  amax: ['*y', '*x', 'rows', 'cols'],
  amaxBackward: ['*dx', '*g', '*x', '*y', 'rows', 'cols', '?accumulate'],
  countNotEqual: ['*dst', '*ids', 'n', 'value'],
  multinomial: ['*indices', '*p', 'rows', 'classes', 'samples', '*place', 'site'],
  pow: ['*y', '*x', 'n', '~exponent'],
  packBf16: ['*dst', '*src', 'n'],
  unpackBf16: ['*dst', '*src', 'n'],
  packF16: ['*dst', '*src', 'n'],
  unpackF16: ['*dst', '*src', 'n'],
} as const satisfies Record<string, readonly string[]>;

export type KernelName = keyof typeof SIGNATURES;

/** Kernels give −1, or the place of the first bad id or target; most have none to give. */
type Kernel<Names extends readonly string[]> = (
  ...args: { [I in keyof Names]: Names[I] extends `?${string}` ? boolean : number }
) => number | undefined;

export type KernelCalls = { readonly [Name in KernelName]: Kernel<(typeof SIGNATURES)[Name]> };

export interface KernelExports extends KernelCalls {
  readonly MATMUL_SCRATCH_BYTES: WebAssembly.Global;
  /** The address at which the module's own constants end. */
  readonly heapBase: () => number;
  /** For benchmarks: multiply-adds that stay in the registers. */
  readonly fmaPeak: (at: number, rounds: number, wide: boolean) => void;
  /** Makes the calls encoded at [from, to); gives 0, or the address of the first that found a bad id or target. */
  readonly replay: (from: number, to: number) => number;
}

/** Which micro-kernel multiplies matrices. Both give the same bits; tuneNode.ts says when which is the faster. */
export type MatmulTile = '6x8' | '6x16';

/** The compiled kernels and how to use them: all that another thread needs for a backend of its own. */
export interface Kernels {
  readonly module: WebAssembly.Module;
  readonly matmulTile: MatmulTile;
  /** Whether V8 compiled them to 256-bit code: see upperHalves.ts. */
  readonly packed: boolean;
}

/** The same exports, with `settle` called after each. */
export function settling(exports: KernelExports, settle: () => void): KernelExports {
  const settled = (call: (...args: (number | boolean)[]) => unknown) => {
    return (...args: (number | boolean)[]) => {
      const result = call(...args);
      settle();
      return result;
    };
  };
  const names = [...Object.keys(SIGNATURES), 'fmaPeak'] as (keyof KernelExports)[];
  const calls = names.map((name) => [name, settled(exports[name] as Parameters<typeof settled>[0])]);
  // Spelled out, since a replay is to make no object, not even a list of arguments.
  const replay = (from: number, to: number) => {
    const stopped = exports.replay(from, to);
    settle();
    return stopped;
  };
  return { ...exports, ...Object.fromEntries(calls), replay };
}

/** An instance of the kernels over `memory`. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  // The only cast: the module is compiled from core/kernels/index.ts, and this file says what that exports.
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
}
