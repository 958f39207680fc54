/**
 * The CPU backend: WebAssembly SIMD kernels over one growing memory. Computes at once, on the calling thread; runs in Node
 * and in browsers alike. It checks lengths, merges dimensions and passes numbers on; the arithmetic is in core/kernels.
 */
import type {
  AdamWOptions,
  Backend,
  BinaryOp,
  Floats,
  Ints,
  Mark,
  MatmulOptions,
  Program,
  SGDOptions,
  UnaryOp,
} from '../backend.ts';
import { Buf } from '../backend.ts';
import { badId, badTarget, expectLength, expectMatmul, rowsOf } from '../check.ts';
import { Arena, MAX_PAGES } from './arena.ts';
import { Collapsed } from './collapse.ts';
import {
  BINARY_CODES,
  instantiate,
  type KernelCalls,
  type KernelExports,
  type Kernels,
  settling,
  TRIANGLES,
  UNARY_CODES,
} from './exports.ts';
import { WasmProgram } from './program.ts';
import { Recorder } from './recorder.ts';
import { WasmSelection } from './selection.ts';
import { binaryStrided, sumStrided } from './strided.ts';
import { address } from './transformer.ts';

export class WasmBackend extends WasmSelection implements Backend {
  readonly name = 'wasm';
  /** The kernels, or what writes their calls down while a step is captured. */
  protected kernels: KernelCalls;
  private recorder: Recorder | null = null;
  private readonly exports: KernelExports;
  private readonly matmulName: 'matmul' | 'matmulWide';
  protected readonly arena: Arena;
  /** The address of matmul's working memory, below the arena. */
  private readonly scratch: number;
  private readonly collapsed = new Collapsed();

  /**
   * @param kernels from loadNode.ts; a browser compiles the module (WebAssembly.compileStreaming), with the tile 6x8
   * @param settle called after packed kernels have run
   */
  constructor({ module, matmulTile, packed }: Kernels, settle?: () => void) {
    super();
    const memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES });
    const exports = instantiate(module, memory);
    this.exports = packed && settle !== undefined ? settling(exports, settle) : exports;
    this.kernels = this.exports;
    this.matmulName = matmulTile === '6x16' ? 'matmulWide' : 'matmul';
    const scratchBytes: number = this.exports.MATMUL_SCRATCH_BYTES.value;
    this.scratch = this.exports.heapBase();
    this.arena = new Arena(memory, Math.ceil((this.scratch + scratchBytes) / 4));
  }

  // ---- memory ----

  alloc(length: number): Buf {
    return new Buf(this.recorder === null ? this.arena.alloc(length) : this.recorder.alloc(length), length);
  }

  mark(): Mark {
    return this.recorder === null ? this.arena.mark() : 0;
  }

  release(mark: Mark): void {
    if (this.recorder === null) this.arena.release(mark);
  }

  write(dst: Buf, data: Floats): void {
    expectLength('write', 'data', dst, data.length);
    // First the place: finding it may make the memory grow, which takes its views away.
    const at = this.writable(dst);
    this.arena.f32.set(data, at);
  }

  writeInts(dst: Buf, data: Ints): void {
    expectLength('writeInts', 'data', dst, data.length);
    const at = this.writable(dst);
    this.arena.i32.set(data, at);
  }

  /** Where to write: while a step is captured, its constants get memory that stays theirs. */
  private writable(dst: Buf): number {
    const place = this.recorder?.placeOf(address(dst)) ?? null;
    if (this.recorder === null || place === null) return dst.at;
    let constant = this.recorder.constants.get(place.buffer);
    if (constant === undefined) {
      constant = this.arena.alloc(this.recorder.lengths[place.buffer]);
      this.recorder.constants.set(place.buffer, constant);
    }
    return constant + place.offset / 4;
  }

  async read<F extends Floats = Float32Array>(src: Buf, into?: F): Promise<F | Float32Array> {
    if (into === undefined) return this.view(src).slice();
    into.set(this.view(src));
    return into;
  }

  async readInts(src: Buf): Promise<Int32Array> {
    this.expectReal(src);
    return this.arena.i32.slice(src.at, src.at + src.length);
  }

  /** The buffer's memory itself, without waiting or copying; valid until the next `alloc`, which may move the memory. */
  view(buf: Buf): Float32Array {
    this.expectReal(buf);
    return this.arena.f32.subarray(buf.at, buf.at + buf.length);
  }

  /** What the WebAssembly memory has grown to. */
  get memoryBytes(): number {
    return this.arena.f32.byteLength;
  }

  private expectReal(buf: Buf): void {
    if (buf.at >= this.arena.f32.length)
      throw new Error('this buffer belongs to a captured step and has no contents of its own: copy it out in the step');
  }

  capture(step: () => void): Program {
    if (this.recorder !== null) throw new Error('capture: a step is being captured already');
    const recorder = new Recorder();
    this.recorder = recorder;
    this.kernels = recorder.kernels;
    try {
      step();
    } finally {
      this.recorder = null;
      this.kernels = this.exports;
    }
    return new WasmProgram(recorder, this.exports, this.arena);
  }

  // ---- elementwise ----

  fill(dst: Buf, value: number): void {
    this.kernels.fill(address(dst), dst.length, value);
  }

  copy(dst: Buf, src: Buf): void {
    expectLength('copy', 'src', src, dst.length);
    this.kernels.copy(address(dst), address(src), dst.length);
  }

  scale(dst: Buf, x: Buf, alpha: number, accumulate: boolean): void {
    expectLength('scale', 'x', x, dst.length);
    this.kernels.scale(address(dst), address(x), dst.length, alpha, accumulate);
  }

  unary(op: UnaryOp, y: Buf, x: Buf): void {
    expectLength(op, 'x', x, y.length);
    this.kernels.unary(UNARY_CODES[op], address(y), address(x), y.length);
  }

  unaryBackward(op: UnaryOp, dx: Buf, g: Buf, x: Buf, y: Buf, accumulate: boolean): void {
    expectLength(op, 'g', g, dx.length);
    expectLength(op, 'x', x, dx.length);
    expectLength(op, 'y', y, dx.length);
    this.kernels.unaryBackward(UNARY_CODES[op], address(dx), address(g), address(x), address(y), dx.length, accumulate);
  }

  binary(
    op: BinaryOp,
    dst: Buf,
    a: Buf,
    b: Buf,
    shape: readonly number[],
    aStrides: readonly number[],
    bStrides: readonly number[],
    accumulate: boolean,
  ): void {
    const c = this.collapsed;
    c.set(shape, aStrides, bStrides);
    expectLength(op, 'dst', dst, c.count);
    if (c.aExtent > a.length || c.bExtent > b.length)
      throw new RangeError(
        `${op}: the strides over [${shape}] leave an operand of ${a.length} or ${b.length} elements`,
      );
    if (c.count > 0) binaryStrided(this.kernels, c, BINARY_CODES[op], accumulate, dst.at, a.at, b.at);
  }

  sumInto(dst: Buf, src: Buf, shape: readonly number[], dstStrides: readonly number[], accumulate: boolean): void {
    const c = this.collapsed;
    c.set(shape, dstStrides, dstStrides);
    expectLength('sumInto', 'src', src, c.count);
    if (c.aExtent > dst.length)
      throw new RangeError(`sumInto: the strides over [${shape}] leave a dst of ${dst.length} elements`);
    if (c.count > 0) sumStrided(this.kernels, c, dst.at, src.at, accumulate);
    else if (!accumulate) this.fill(dst, 0);
  }

  // ---- linear algebra ----

  matmul(c: Buf, a: Buf, b: Buf, options: MatmulOptions): void {
    const { lda, ldb, ldc } = expectMatmul(c, a, b, options);
    const { m, n, k, transA = false, transB = false, accumulate = false, bias, activation, triangle } = options;
    this.kernels[this.matmulName](
      ...([address(c), address(a), address(b), m, n, k, ldc, lda, ldb, transA, transB, accumulate] as const),
      bias === undefined ? 0 : address(bias),
      activation === undefined ? 0 : UNARY_CODES[activation.op],
      activation === undefined ? 0 : address(activation.out),
      triangle === undefined ? 0 : TRIANGLES[triangle.of],
      triangle?.offset ?? 0,
      this.scratch,
    );
  }

  // ---- layers ----

  embedding(out: Buf, weight: Buf, ids: Buf, dim: number): void {
    const rows = rowsOf('embedding', 'weight', weight, dim);
    expectLength('embedding', 'out', out, ids.length * dim);
    const bad = this.kernels.embedding(address(out), address(weight), address(ids), ids.length, rows, dim);
    if (bad !== undefined && bad >= 0) throw badId('embedding', this.arena.i32[ids.at + bad], bad, rows);
  }

  embeddingBackward(dWeight: Buf, g: Buf, ids: Buf, dim: number): void {
    const rows = rowsOf('embeddingBackward', 'dWeight', dWeight, dim);
    expectLength('embeddingBackward', 'g', g, ids.length * dim);
    const bad = this.kernels.embeddingBackward(address(dWeight), address(g), address(ids), ids.length, rows, dim);
    if (bad !== undefined && bad >= 0) throw badId('embeddingBackward', this.arena.i32[ids.at + bad], bad, rows);
  }

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
  ): void {
    const rows = batchNormRows(y, x, weight, bias, mean, variance, channels);
    const [w, b, m, v] = [address(weight), address(bias), address(mean), address(variance)];
    this.kernels.batchNorm(address(y), address(x), w, b, m, v, rows, channels, eps, unbiased);
  }

  batchNormEval(y: Buf, x: Buf, weight: Buf, bias: Buf, mean: Buf, variance: Buf, channels: number, eps: number): void {
    const rows = batchNormRows(y, x, weight, bias, mean, variance, channels);
    const [w, b, m, v] = [address(weight), address(bias), address(mean), address(variance)];
    this.kernels.batchNormEval(address(y), address(x), w, b, m, v, rows, channels, eps);
  }

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
  ): void {
    const rows = batchNormRows(dx ?? g, x, weight, dBias ?? weight, mean, variance, channels);
    expectLength('batchNormBackward', 'g', g, x.length);
    if (dWeight) expectLength('batchNormBackward', 'dWeight', dWeight, channels);
    this.kernels.batchNormBackward(
      dx ? address(dx) : 0,
      dWeight ? address(dWeight) : 0,
      dBias ? address(dBias) : 0,
      address(g),
      address(x),
      address(weight),
      address(mean),
      address(variance),
      rows,
      channels,
      eps,
      unbiased,
      accumulate.dx,
      accumulate.dWeight,
      accumulate.dBias,
    );
  }

  softmax(y: Buf, x: Buf, cols: number, log: boolean): void {
    expectLength('softmax', 'y', y, x.length);
    this.kernels.softmax(address(y), address(x), rowsOf('softmax', 'x', x, cols), cols, log);
  }

  softmaxBackward(dx: Buf, g: Buf, y: Buf, cols: number, log: boolean, accumulate: boolean): void {
    expectLength('softmaxBackward', 'g', g, dx.length);
    expectLength('softmaxBackward', 'y', y, dx.length);
    const rows = rowsOf('softmaxBackward', 'dx', dx, cols);
    this.kernels.softmaxBackward(address(dx), address(g), address(y), rows, cols, log, accumulate);
  }

  crossEntropy(losses: Buf, logSumExp: Buf, logits: Buf, targets: Buf, classes: number, ignoreIndex: number): void {
    const rows = targets.length;
    expectLength('crossEntropy', 'logits', logits, rows * classes);
    expectLength('crossEntropy', 'losses', losses, rows);
    expectLength('crossEntropy', 'logSumExp', logSumExp, rows);
    const [l, s, x, t] = [address(losses), address(logSumExp), address(logits), address(targets)];
    const bad = this.kernels.crossEntropy(l, s, x, t, rows, classes, ignoreIndex);
    if (bad !== undefined && bad >= 0) throw badTarget('crossEntropy', this.arena.i32[targets.at + bad], bad, classes);
  }

  crossEntropyBackward(
    dLogits: Buf,
    g: Buf,
    logits: Buf,
    logSumExp: Buf,
    targets: Buf,
    classes: number,
    ignoreIndex: number,
    accumulate: boolean,
  ): void {
    const rows = targets.length;
    expectLength('crossEntropyBackward', 'dLogits', dLogits, rows * classes);
    expectLength('crossEntropyBackward', 'logits', logits, rows * classes);
    expectLength('crossEntropyBackward', 'g', g, rows);
    expectLength('crossEntropyBackward', 'logSumExp', logSumExp, rows);
    const [d, x, s, t] = [address(dLogits), address(logits), address(logSumExp), address(targets)];
    const bad = this.kernels.crossEntropyBackward(d, address(g), x, s, t, rows, classes, ignoreIndex, accumulate);
    if (bad !== undefined && bad >= 0)
      throw badTarget('crossEntropyBackward', this.arena.i32[targets.at + bad], bad, classes);
  }

  // ---- optimizer ----

  sumOfSquares(dst: Buf, x: Buf): void {
    expectLength('sumOfSquares', 'dst', dst, 1);
    this.kernels.sumOfSquares(address(dst), address(x), x.length);
  }

  allFinite(dst: Buf, x: Buf): void {
    expectLength('allFinite', 'dst', dst, 1);
    this.kernels.allFinite(address(dst), address(x), x.length);
  }

  sgd(params: Buf, grads: Buf, momentumBuffer: Buf | null, options: SGDOptions): void {
    expectLength('sgd', 'grads', grads, params.length);
    if (momentumBuffer) expectLength('sgd', 'momentumBuffer', momentumBuffer, params.length);
    const { lr, momentum, weightDecay, nesterov, first } = options;
    const buffer = momentumBuffer ? address(momentumBuffer) : 0;
    const n = params.length;
    this.kernels.sgd(address(params), address(grads), buffer, n, lr, momentum, weightDecay, nesterov, first);
  }

  adamw(params: Buf, grads: Buf, expAvg: Buf, expAvgSq: Buf, options: AdamWOptions): void {
    expectLength('adamw', 'grads', grads, params.length);
    expectLength('adamw', 'expAvg', expAvg, params.length);
    expectLength('adamw', 'expAvgSq', expAvgSq, params.length);
    const { lr, beta1, beta2, eps, weightDecay, biasCorrection1, biasCorrection2 } = options;
    // Differences are taken in double precision: 1 − f32(0.999) would be off by 5e-5 of itself.
    this.kernels.adamw(
      address(params),
      address(grads),
      address(expAvg),
      address(expAvgSq),
      params.length,
      1 - lr * weightDecay,
      1 - beta1,
      beta2,
      1 - beta2,
      lr / biasCorrection1,
      Math.sqrt(biasCorrection2),
      eps,
    );
  }
}

function batchNormRows(y: Buf, x: Buf, weight: Buf, bias: Buf, mean: Buf, variance: Buf, channels: number): number {
  expectLength('batchNorm', 'y (or its gradient)', y, x.length);
  expectLength('batchNorm', 'weight', weight, channels);
  expectLength('batchNorm', 'bias', bias, channels);
  expectLength('batchNorm', 'mean', mean, channels);
  expectLength('batchNorm', 'variance', variance, channels);
  return rowsOf('batchNorm', 'x', x, channels);
}
