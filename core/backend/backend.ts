/**
 * The interface every device implements: some kernels over opaque buffers.
 *
 * It is not a tensor library: no shapes beyond what a kernel needs, no gradients, no dtype promotion. Ops (core/tensor)
 * and models never name a backend. Calls enqueue and may run later; only `read` is asynchronous, so a device behind a
 * queue (WebGPU) fits as well as one that computes at once (WASM).
 *
 * Elements are f32 (f64 in the reference backend) or 32-bit integers (token ids), whichever wrote them.
 *
 * Rules that all kernels keep, because the trajectory must not depend on who computes it:
 * - One summation order, fixed by the shapes alone, never by tile sizes, tails or alignment.
 * - `accumulate: true` adds the result to what `dst` holds; `false` overwrites (dst may be uninitialised).
 * - Inputs and outputs do not overlap unless a kernel says that they may.
 */
/** A run of elements in one backend's memory. `at` means something to its backend alone. */
export class Buf {
  readonly at: number;
  readonly length: number;
  constructor(at: number, length: number) {
    this.at = at;
    this.length = length;
  }
  /** The part [start, start + length) of this buffer, sharing its memory. */
  slice(start: number, length: number): Buf {
    if (start < 0 || length < 0 || start + length > this.length)
      throw new RangeError(`slice [${start}, ${start + length}) leaves a buffer of ${this.length} elements`);
    return new Buf(this.at + start, length);
  }
}

export type Floats = Float32Array | Float64Array;
export type Ints = Int32Array | Uint16Array | Uint8Array | Uint32Array;

export type UnaryOp =
  | 'neg'
  | 'exp'
  | 'log'
  | 'tanh'
  | 'relu'
  | 'sqrt'
  | 'square'
  | 'reciprocal'
  | 'erf'
  | 'sigmoid'
  | 'gelu'
  | 'geluTanh';
/** The 16-bit floats: the upper half of an f32, and IEEE binary16. */
export type HalfFormat = 'bf16' | 'f16';
export type BinaryOp = 'add' | 'sub' | 'mul' | 'div';

/** A place in the arena to which `release` winds back. */
export type Mark = number;

export interface MatmulOptions {
  /** C is m×n; A is m×k, or k×m in memory if transA; B is k×n, or n×k in memory if transB. All row-major, dense. */
  m: number;
  n: number;
  k: number;
  transA?: boolean;
  transB?: boolean;
  /** C += A·B; C's old value starts each element's sum. */
  accumulate?: boolean;
  /** Leading dimensions: elements from one row to the next in memory. Dense unless given. */
  lda?: number;
  ldb?: number;
  ldc?: number;
  /** Starts each row of C instead of zeros; n elements. */
  bias?: Buf;
  /** out = op(C), written beside C, which is kept; as long as C, with C's leading dimension. */
  activation?: { readonly op: UnaryOp; readonly out: Buf };
  /**
   * A part that need not be computed. `columns`: of C's row r only columns up to r + offset are wanted, the others are left
   * undefined. `depth`: A's row r is 0 beyond column r + offset. `reach`: A's row r is 0 before column r − offset.
   */
  triangle?: { readonly of: 'columns' | 'depth' | 'reach'; readonly offset: number };
}

export interface AdamWOptions {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** 1 − beta1^t and 1 − beta2^t, t counting from 1. */
  biasCorrection1: number;
  biasCorrection2: number;
}

export interface SGDOptions {
  lr: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
  /** True on the first step: the momentum buffer is set to the gradient, as torch.optim.SGD does. */
  first: boolean;
}

/** Where a head's matrix lies: elements from one batch, one head, and one row to the next; a row is dense. */
export interface AttentionLayout {
  batch: number;
  head: number;
  row: number;
}

export interface AttentionOptions {
  batch: number;
  heads: number;
  /** Each head's q and result have `rows` rows, its k and v `cols`, all of `dim` columns. */
  rows: number;
  cols: number;
  dim: number;
  /** Row i sees the columns 0 to i alone. */
  causal: boolean;
  /** Multiplies the scores; positive. */
  scale: number;
  /** Of q and its gradient; of k, v and theirs; of the result and its gradient. */
  layout: { q: AttentionLayout; k: AttentionLayout; out: AttentionLayout };
}

/** A captured step. */
export interface Program {
  /** Does what the captured step would do now. */
  run(): void;
  /** Kernel calls of a run. */
  readonly calls: number;
  /** Bytes of memory that a run needs beside the buffers from outside, shared with all that runs at other times. */
  readonly workspace: number;
}

/** x is [outer, n, inner], the index [outer, m, inner]. */
export interface GatherSizes {
  outer: number;
  n: number;
  m: number;
  inner: number;
}

export interface Backend {
  readonly name: 'wasm' | 'reference';

  // ---- memory: one arena, used as a stack ----
  /** An uninitialised buffer of `length` elements, valid until a `release` to an earlier mark. */
  alloc(length: number): Buf;
  mark(): Mark;
  /** Frees everything allocated since the mark. */
  release(mark: Mark): void;
  write(dst: Buf, data: Floats): void;
  writeInts(dst: Buf, data: Ints): void;
  /** The elements, in a new array, or in `into`, which must be as long. */
  read(src: Buf, into?: Floats): Promise<Floats>;
  readInts(src: Buf): Promise<Int32Array>;
  /**
   * The calls that `step` makes, as a program to be run many times; `step` itself may not run at all. What it allocates
   * lives within a run only, with memory shared by buffers that are not alive together: results go to buffers from
   * outside. What it writes with `write` are constants. It must not read.
   */
  capture(step: () => void): Program;

  // ---- elementwise ----
  fill(dst: Buf, value: number): void;
  copy(dst: Buf, src: Buf): void;
  /** dst (+)= alpha · x. dst may be x. */
  scale(dst: Buf, x: Buf, alpha: number, accumulate: boolean): void;
  /** y = op(x). y may be x. */
  unary(op: UnaryOp, y: Buf, x: Buf): void;
  /** dx (+)= g · op'(x), given x and y = op(x). */
  unaryBackward(op: UnaryOp, dx: Buf, g: Buf, x: Buf, y: Buf, accumulate: boolean): void;
  /**
   * dst (+)= a op b over `shape`, row-major; `aStrides` and `bStrides` (in elements, 0 where broadcast) are each as long
   * as `shape`. Any rank, 0 included.
   */
  binary(
    op: BinaryOp,
    dst: Buf,
    a: Buf,
    b: Buf,
    shape: readonly number[],
    aStrides: readonly number[],
    bStrides: readonly number[],
    accumulate: boolean,
  ): void;
  /**
   * Sums the dense row-major `src` of `shape` into dst: dst[i·dstStrides] (+)= src[i], where a stride of 0 sums that
   * dimension away. Non-zero strides are those of a dense dst.
   */
  sumInto(dst: Buf, src: Buf, shape: readonly number[], dstStrides: readonly number[], accumulate: boolean): void;

  /**
   * dst (+)= src over `shape`, each by its own strides (in elements): permutes, cuts out, joins. Two elements of dst do not
   * coincide. Without `accumulate`, integers are copied as well.
   */
  copyStrided(
    dst: Buf,
    src: Buf,
    shape: readonly number[],
    dstStrides: readonly number[],
    srcStrides: readonly number[],
    accumulate: boolean,
  ): void;
  /** dst (+)= value where the integer mask is not 0, else x. dst and x are dense over `shape`, the mask has strides. */
  maskedFill(
    dst: Buf,
    x: Buf,
    mask: Buf,
    shape: readonly number[],
    maskStrides: readonly number[],
    value: number,
    accumulate: boolean,
  ): void;

  /**
   * y[i] (+)= x[i] / (1 − p) where word i of the stream at (place, site) is at least p · 2^32, else 0; 0 ≤ p < 1. y may be
   * x. The backward is the same function of the gradient. `place` holds four words: the stream's key0, key1, step and
   * microBatch (core/random/streams.ts); they are read when the kernel runs.
   */
  dropout(y: Buf, x: Buf, p: number, place: Buf, site: number, accumulate: boolean): void;

  // ---- linear algebra ----
  matmul(c: Buf, a: Buf, b: Buf, options: MatmulOptions): void;

  // ---- layers ----
  /** out[i] = weight[ids[i]]; weight is [rows, dim]. */
  embedding(out: Buf, weight: Buf, ids: Buf, dim: number): void;
  /** dWeight[ids[i]] += g[i], in the order of i. Always accumulates. */
  embeddingBackward(dWeight: Buf, g: Buf, ids: Buf, dim: number): void;
  /**
   * Batch norm over the rows of x [rows, channels], training: mean and variance (biased) of each channel are written,
   * two-pass; y = (x − mean) / sqrt(var + eps) · weight + bias, where var is the variance written, or if `unbiased`
   * n / (n − 1) times as much for n rows.
   */
  batchNorm(
    y: Buf,
    x: Buf,
    weight: Buf,
    bias: Buf,
    mean: Buf,
    variance: Buf,
    channels: number,
    eps: number,
    unbiased: boolean,
  ): void;
  /** The same with given statistics (evaluation). */
  batchNormEval(y: Buf, x: Buf, weight: Buf, bias: Buf, mean: Buf, variance: Buf, channels: number, eps: number): void;
  /** Backward of `batchNorm`. Any of dx, dWeight, dBias may be null; each has its own accumulate flag. */
  batchNormBackward(
    dx: Buf | null,
    dWeight: Buf | null,
    dBias: Buf | null,
    g: Buf,
    x: Buf,
    weight: Buf,
    mean: Buf,
    variance: Buf,
    channels: number,
    eps: number,
    unbiased: boolean,
    accumulate: { dx: boolean; dWeight: boolean; dBias: boolean },
  ): void;
  /**
   * Layer norm over the last dimension of x [rows, cols]: y = (x − mean) · rstd · weight + bias. Each row's mean and
   * rstd = 1 / sqrt(biased variance + eps) are written for the backward. A null weight is ones, a null bias zeros.
   */
  layerNorm(
    y: Buf,
    x: Buf,
    weight: Buf | null,
    bias: Buf | null,
    mean: Buf,
    rstd: Buf,
    cols: number,
    eps: number,
  ): void;
  /** Backward of `layerNorm`. Any of dx, dWeight, dBias may be null; each has its own accumulate flag. */
  layerNormBackward(
    dx: Buf | null,
    dWeight: Buf | null,
    dBias: Buf | null,
    g: Buf,
    x: Buf,
    weight: Buf | null,
    mean: Buf,
    rstd: Buf,
    cols: number,
    accumulate: { dx: boolean; dWeight: boolean; dBias: boolean },
  ): void;
  /**
   * out = softmax(q·kᵀ·scale)·v of every head without storing the scores. Each row's log-sum-exp is written to
   * lse [batch, heads, rows] for the backward.
   */
  attention(out: Buf, lse: Buf, q: Buf, k: Buf, v: Buf, options: AttentionOptions): void;
  /** Backward of `attention`. Any of dq, dk, dv may be null; each has its own accumulate flag. */
  attentionBackward(
    dq: Buf | null,
    dk: Buf | null,
    dv: Buf | null,
    g: Buf,
    q: Buf,
    k: Buf,
    v: Buf,
    out: Buf,
    lse: Buf,
    options: AttentionOptions,
    accumulate: { dq: boolean; dk: boolean; dv: boolean },
  ): void;
  /** Softmax, or its logarithm, over the last dimension of x [rows, cols]. */
  softmax(y: Buf, x: Buf, cols: number, log: boolean): void;
  /** dx (+)= backward of softmax / log-softmax, given its output y. */
  softmaxBackward(dx: Buf, g: Buf, y: Buf, cols: number, log: boolean, accumulate: boolean): void;
  /**
   * Cross-entropy from logits [rows, classes]: losses[i] = logsumexp(logits[i]) − logits[i, targets[i]], and logsumexp is
   * written for the backward. A target of `ignoreIndex` is ignored: its loss is 0. Throws on another outside [0, classes).
   */
  crossEntropy(losses: Buf, logSumExp: Buf, logits: Buf, targets: Buf, classes: number, ignoreIndex: number): void;
  /** dLogits (+)= (softmax − onehot) · g[i]; ignored rows give 0. */
  crossEntropyBackward(
    dLogits: Buf,
    g: Buf,
    logits: Buf,
    logSumExp: Buf,
    targets: Buf,
    classes: number,
    ignoreIndex: number,
    accumulate: boolean,
  ): void;

  // ---- selection: indices are integers; those given throw where they are out of range ----
  /** dst[i] = the row of `classes` zeros with a one at ids[i]. */
  oneHot(dst: Buf, ids: Buf, classes: number): void;
  /** out[o, j, i] = x[o, index[o, j, i], i], for x [outer, n, inner] and index [outer, m, inner]. Integers as well. */
  gather(out: Buf, x: Buf, index: Buf, sizes: GatherSizes): void;
  /** dx[o, index[o, j, i], i] += g[o, j, i], in row-major order of (o, j, i). Always accumulates. */
  scatterAdd(dx: Buf, g: Buf, index: Buf, sizes: GatherSizes): void;
  /**
   * The places of the k largest elements of each row of x [rows, cols], largest first, to indices [rows, k]. Of equal ones
   * the lower place comes first; NaN counts as the largest.
   */
  topk(indices: Buf, x: Buf, cols: number, k: number): void;
  /** y[i] = the largest element of row i of x [rows, cols]; NaN if any is. */
  amax(y: Buf, x: Buf, cols: number): void;
  /** dx (+)= g[i], divided evenly over the elements of row i that equal y[i]; a row without any (y is NaN) is all NaN. */
  amaxBackward(dx: Buf, g: Buf, x: Buf, y: Buf, cols: number, accumulate: boolean): void;
  /** dst[0] = how many ids differ from `value`; as a float, so exact up to 2^24. */
  countNotEqual(dst: Buf, ids: Buf, value: number): void;
  /**
   * For each row of probabilities [rows, classes] as many classes as a row of `indices` holds, drawn with replacement. Rows
   * need not add up to 1. Draw i takes uint32(i) of the stream that `place` and `site` name, as in `dropout`, and the first
   * class whose running sum, in double precision, exceeds that part of the row's sum. Throws on a row with a negative or NaN
   * element, or with a sum of 0 or Infinity.
   */
  multinomial(indices: Buf, probabilities: Buf, classes: number, place: Buf, site: number): void;
  /** y = x^exponent, as C's and PyTorch's pow: NaN for x < 0 unless the exponent is whole; x^0 = 1. y may be x. */
  pow(y: Buf, x: Buf, exponent: number): void;

  // ---- codecs ----
  /**
   * 16-bit floats, a pair in each (integer) element of dst, the earlier in its low half: ⌈src.length / 2⌉ of them. Rounds to
   * nearest, ties to even; too large becomes Infinity, every NaN the positive quiet one; the half left over is 0.
   */
  packHalf(format: HalfFormat, dst: Buf, src: Buf): void;
  /** The reverse of `packHalf`, exactly: src has ⌈dst.length / 2⌉ elements. */
  unpackHalf(format: HalfFormat, dst: Buf, src: Buf): void;

  // ---- optimizer, on flat vectors ----
  /** Σ x², written to dst[0]. Accumulated in double precision. */
  sumOfSquares(dst: Buf, x: Buf): void;
  /** dst[0] = 1 if every element is finite, else 0. */
  allFinite(dst: Buf, x: Buf): void;
  /** torch.optim.SGD, in place. `momentumBuffer` is null when momentum is 0. */
  sgd(params: Buf, grads: Buf, momentumBuffer: Buf | null, options: SGDOptions): void;
  /** torch.optim.AdamW, in place. */
  adamw(params: Buf, grads: Buf, expAvg: Buf, expAvgSq: Buf, options: AdamWOptions): void;
}
