/**
 * The reference backend: every kernel as the plainest loop there is, in double precision. It exists to be obviously right
 * (tests, numeric gradient checks), not to be fast, and its bits are its own: it never trains together with others.
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
} from './backend.ts';
import { Buf } from './backend.ts';
import { badId, badTarget, expectLength, expectMatmul, rowsOf } from './check.ts';
import { erf } from './erf.ts';
import { ReferenceSelection } from './referenceSelection.ts';
import { offset, put } from './referenceTransformer.ts';

export class ReferenceBackend extends ReferenceSelection implements Backend {
  readonly name = 'reference';
  private memory = new Float64Array(1024);
  private top = 0;

  /** New memory holds NaN, so that reading what was never written shows. */
  alloc(length: number): Buf {
    const at = this.top;
    this.top += length;
    if (this.top > this.memory.length) {
      const larger = new Float64Array(Math.max(this.top, 2 * this.memory.length));
      larger.set(this.memory);
      this.memory = larger;
    }
    this.memory.fill(Number.NaN, at, this.top);
    return new Buf(at, length);
  }

  mark(): Mark {
    return this.top;
  }

  release(mark: Mark): void {
    if (!(mark >= 0 && mark <= this.top)) throw new RangeError(`${mark} is not a mark of this arena`);
    this.top = mark;
  }

  write(dst: Buf, data: Floats): void {
    expectLength('write', 'data', dst, data.length);
    this.memory.set(data, dst.at);
  }

  writeInts(dst: Buf, data: Ints): void {
    expectLength('writeInts', 'data', dst, data.length);
    this.memory.set(data, dst.at);
  }

  async read<F extends Floats = Float64Array>(src: Buf, into?: F): Promise<F | Float64Array> {
    if (into === undefined) return this.memory.slice(src.at, src.at + src.length);
    into.set(this.view(src));
    return into;
  }

  async readInts(src: Buf): Promise<Int32Array> {
    return Int32Array.from(this.view(src));
  }

  /** The buffer's memory itself; valid until the next `alloc`. */
  view(buf: Buf): Float64Array {
    return this.memory.subarray(buf.at, buf.at + buf.length);
  }

  /** The step itself, run again each time: what a captured one is to be compared with. */
  capture(step: () => void): Program {
    const run = () => {
      const mark = this.mark();
      step();
      this.release(mark);
    };
    return { run, calls: 0, workspace: 0 };
  }

  // ---- elementwise ----

  fill(dst: Buf, value: number): void {
    this.view(dst).fill(value);
  }

  copy(dst: Buf, src: Buf): void {
    expectLength('copy', 'src', src, dst.length);
    this.view(dst).set(this.view(src));
  }

  scale(dst: Buf, x: Buf, alpha: number, accumulate: boolean): void {
    expectLength('scale', 'x', x, dst.length);
    const [d, from] = [this.view(dst), this.view(x)];
    for (let i = 0; i < d.length; i++) put(d, i, alpha * from[i], accumulate);
  }

  unary(op: UnaryOp, y: Buf, x: Buf): void {
    expectLength(op, 'x', x, y.length);
    const [to, from] = [this.view(y), this.view(x)];
    for (let i = 0; i < to.length; i++) to[i] = apply(op, from[i]);
  }

  unaryBackward(op: UnaryOp, dx: Buf, g: Buf, x: Buf, y: Buf, accumulate: boolean): void {
    for (const [name, buf] of Object.entries({ g, x, y })) expectLength(op, name, buf, dx.length);
    const [d, vg, vx, vy] = [this.view(dx), this.view(g), this.view(x), this.view(y)];
    for (let i = 0; i < d.length; i++) {
      // What relu drops is dropped even where the gradient is infinite.
      const dropped = op === 'relu' && vx[i] <= 0;
      put(d, i, dropped ? 0 : vg[i] * derivative(op, vx[i], vy[i]), accumulate);
    }
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
    const [d, va, vb] = [this.view(dst), this.view(a), this.view(b)];
    expectLength(op, 'dst', dst, count(shape));
    for (let i = 0; i < d.length; i++) {
      const [ia, ib] = [offset(i, shape, aStrides), offset(i, shape, bStrides)];
      if (ia >= a.length || ib >= b.length)
        throw new RangeError(
          `${op}: the strides over [${shape}] leave an operand of ${a.length} or ${b.length} elements`,
        );
      put(d, i, combine(op, va[ia], vb[ib]), accumulate);
    }
  }

  sumInto(dst: Buf, src: Buf, shape: readonly number[], dstStrides: readonly number[], accumulate: boolean): void {
    const [d, s] = [this.view(dst), this.view(src)];
    expectLength('sumInto', 'src', src, count(shape));
    if (!accumulate) d.fill(0);
    for (let i = 0; i < s.length; i++) {
      const to = offset(i, shape, dstStrides);
      if (to >= dst.length)
        throw new RangeError(`sumInto: the strides over [${shape}] leave a dst of ${dst.length} elements`);
      d[to] += s[i];
    }
  }

  // ---- linear algebra ----

  matmul(c: Buf, a: Buf, b: Buf, options: MatmulOptions): void {
    const { lda, ldb, ldc } = expectMatmul(c, a, b, options);
    const { m, n, k, transA = false, transB = false, accumulate = false, bias, activation } = options;
    const [vc, va, vb] = [this.view(c), this.view(a), this.view(b)];
    const vbias = bias && this.view(bias);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = vbias?.[j] ?? 0;
        for (let p = 0; p < k; p++)
          sum += va[transA ? p * lda + i : i * lda + p] * vb[transB ? j * ldb + p : p * ldb + j];
        put(vc, i * ldc + j, sum, accumulate);
      }
      if (activation) this.unary(activation.op, activation.out.slice(i * ldc, n), c.slice(i * ldc, n));
    }
  }

  // ---- layers ----

  embedding(out: Buf, weight: Buf, ids: Buf, dim: number): void {
    const rows = rowsOf('embedding', 'weight', weight, dim);
    expectLength('embedding', 'out', out, ids.length * dim);
    this.view(ids).forEach((id, i) => {
      if (!(id >= 0 && id < rows)) throw badId('embedding', id, i, rows);
      this.copy(out.slice(i * dim, dim), weight.slice(id * dim, dim));
    });
  }

  embeddingBackward(dWeight: Buf, g: Buf, ids: Buf, dim: number): void {
    const rows = rowsOf('embeddingBackward', 'dWeight', dWeight, dim);
    expectLength('embeddingBackward', 'g', g, ids.length * dim);
    this.view(ids).forEach((id, i) => {
      if (!(id >= 0 && id < rows)) throw badId('embeddingBackward', id, i, rows);
      this.scale(dWeight.slice(id * dim, dim), g.slice(i * dim, dim), 1, true);
    });
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
    const rows = rowsOf('batchNorm', 'x', x, channels);
    const [vx, vm, vv] = [this.view(x), this.view(mean), this.view(variance)];
    vm.fill(0);
    vv.fill(0);
    for (let i = 0; i < vx.length; i++) vm[i % channels] += vx[i] / rows;
    for (let i = 0; i < vx.length; i++) vv[i % channels] += (vx[i] - vm[i % channels]) ** 2 / rows;
    this.normalise(y, x, weight, bias, mean, variance, channels, eps, unbiased ? rows / (rows - 1) : 1);
  }

  batchNormEval(y: Buf, x: Buf, weight: Buf, bias: Buf, mean: Buf, variance: Buf, channels: number, eps: number): void {
    this.normalise(y, x, weight, bias, mean, variance, channels, eps, 1);
  }

  /** Batch norm by given statistics, the variance times `correction`. */
  private normalise(
    y: Buf,
    x: Buf,
    weight: Buf,
    bias: Buf,
    mean: Buf,
    variance: Buf,
    channels: number,
    eps: number,
    correction: number,
  ): void {
    expectLength('batchNorm', 'y', y, x.length);
    for (const [name, buf] of Object.entries({ weight, bias, mean, variance }))
      expectLength('batchNorm', name, buf, channels);
    const [vy, vx, w, b] = [this.view(y), this.view(x), this.view(weight), this.view(bias)];
    const [m, v] = [this.view(mean), this.view(variance)];
    for (let i = 0; i < vy.length; i++) {
      const c = i % channels;
      vy[i] = ((vx[i] - m[c]) / Math.sqrt(v[c] * correction + eps)) * w[c] + b[c];
    }
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
    const rows = rowsOf('batchNormBackward', 'x', x, channels);
    for (const [name, buf] of Object.entries({ weight, mean, variance }))
      expectLength('batchNormBackward', name, buf, channels);
    for (const buf of [dWeight, dBias]) if (buf) expectLength('batchNormBackward', 'dWeight, dBias', buf, channels);
    for (const buf of [dx, g]) if (buf) expectLength('batchNormBackward', 'dx, g', buf, x.length);
    const [vg, vx, w, m, v] = [g, x, weight, mean, variance].map((buf) => this.view(buf));
    const freedom = unbiased ? rows - 1 : rows;
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt((v[c] * rows) / freedom + eps);
      let sumG = 0;
      let sumGX = 0;
      for (let i = c; i < vx.length; i += channels) {
        sumG += vg[i];
        sumGX += vg[i] * (vx[i] - m[c]) * s;
      }
      if (dBias) put(this.view(dBias), c, sumG, accumulate.dBias);
      if (dWeight) put(this.view(dWeight), c, sumGX, accumulate.dWeight);
      if (!dx) continue;
      for (let i = c; i < vx.length; i += channels) {
        const centred = vg[i] - sumG / rows - (((vx[i] - m[c]) * s) / freedom) * sumGX;
        put(this.view(dx), i, w[c] * s * centred, accumulate.dx);
      }
    }
  }

  softmax(y: Buf, x: Buf, cols: number, log: boolean): void {
    expectLength('softmax', 'y', y, x.length);
    for (let r = 0; r < rowsOf('softmax', 'x', x, cols); r++) {
      const [vy, vx] = [this.view(y.slice(r * cols, cols)), this.view(x.slice(r * cols, cols))];
      const lse = logSumExpOf(vx);
      for (let j = 0; j < cols; j++) vy[j] = log ? vx[j] - lse : Math.exp(vx[j] - lse);
    }
  }

  softmaxBackward(dx: Buf, g: Buf, y: Buf, cols: number, log: boolean, accumulate: boolean): void {
    for (const [name, buf] of Object.entries({ g, y })) expectLength('softmaxBackward', name, buf, dx.length);
    for (let r = 0; r < rowsOf('softmaxBackward', 'dx', dx, cols); r++) {
      const [d, vg, vy] = [dx, g, y].map((buf) => this.view(buf.slice(r * cols, cols)));
      let sum = 0;
      for (let j = 0; j < cols; j++) sum += log ? vg[j] : vg[j] * vy[j];
      for (let j = 0; j < cols; j++) put(d, j, log ? vg[j] - Math.exp(vy[j]) * sum : vy[j] * (vg[j] - sum), accumulate);
    }
  }

  crossEntropy(losses: Buf, logSumExp: Buf, logits: Buf, targets: Buf, classes: number, ignoreIndex: number): void {
    expectLength('crossEntropy', 'logits', logits, targets.length * classes);
    for (const [name, buf] of Object.entries({ losses, logSumExp }))
      expectLength('crossEntropy', name, buf, targets.length);
    const [l, s] = [this.view(losses), this.view(logSumExp)];
    this.view(targets).forEach((target, r) => {
      const ignored = target === ignoreIndex;
      if (!ignored && !(target >= 0 && target < classes)) throw badTarget('crossEntropy', target, r, classes);
      const x = this.view(logits.slice(r * classes, classes));
      s[r] = logSumExpOf(x);
      l[r] = ignored ? 0 : s[r] - x[target];
    });
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
    for (const [name, buf] of Object.entries({ dLogits, logits }))
      expectLength('crossEntropyBackward', name, buf, targets.length * classes);
    for (const [name, buf] of Object.entries({ g, logSumExp }))
      expectLength('crossEntropyBackward', name, buf, targets.length);
    const [vg, s] = [this.view(g), this.view(logSumExp)];
    this.view(targets).forEach((target, r) => {
      const ignored = target === ignoreIndex;
      if (!ignored && !(target >= 0 && target < classes)) throw badTarget('crossEntropyBackward', target, r, classes);
      const [d, x] = [dLogits, logits].map((buf) => this.view(buf.slice(r * classes, classes)));
      for (let j = 0; j < classes; j++)
        put(d, j, ignored ? 0 : (Math.exp(x[j] - s[r]) - (j === target ? 1 : 0)) * vg[r], accumulate);
    });
  }

  // ---- optimizer ----

  sumOfSquares(dst: Buf, x: Buf): void {
    expectLength('sumOfSquares', 'dst', dst, 1);
    this.fill(
      dst,
      this.view(x).reduce((sum, v) => sum + v * v, 0),
    );
  }

  allFinite(dst: Buf, x: Buf): void {
    expectLength('allFinite', 'dst', dst, 1);
    this.fill(dst, this.view(x).every(Number.isFinite) ? 1 : 0);
  }

  sgd(params: Buf, grads: Buf, momentumBuffer: Buf | null, options: SGDOptions): void {
    expectLength('sgd', 'grads', grads, params.length);
    if (momentumBuffer) expectLength('sgd', 'momentumBuffer', momentumBuffer, params.length);
    const { lr, momentum, weightDecay, nesterov, first } = options;
    const [p, g] = [this.view(params), this.view(grads)];
    const buffer = momentumBuffer && this.view(momentumBuffer);
    for (let i = 0; i < p.length; i++) {
      let d = g[i] + weightDecay * p[i];
      if (buffer) {
        buffer[i] = first ? d : momentum * buffer[i] + d;
        d = nesterov ? d + momentum * buffer[i] : buffer[i];
      }
      p[i] -= lr * d;
    }
  }

  adamw(params: Buf, grads: Buf, expAvg: Buf, expAvgSq: Buf, options: AdamWOptions): void {
    for (const [name, buf] of Object.entries({ grads, expAvg, expAvgSq }))
      expectLength('adamw', name, buf, params.length);
    const { lr, beta1, beta2, eps, weightDecay, biasCorrection1, biasCorrection2 } = options;
    const [p, g, m, v] = [params, grads, expAvg, expAvgSq].map((buf) => this.view(buf));
    for (let i = 0; i < p.length; i++) {
      m[i] = beta1 * m[i] + (1 - beta1) * g[i];
      v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      p[i] *= 1 - lr * weightDecay;
      p[i] -= (lr * (m[i] / biasCorrection1)) / (Math.sqrt(v[i] / biasCorrection2) + eps);
    }
  }
}

function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function logSumExpOf(x: Float64Array): number {
  const max = x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return max + Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0));
}

function apply(op: UnaryOp, x: number): number {
  switch (op) {
    case 'neg':
      return -x;
    case 'exp':
      return Math.exp(x);
    case 'log':
      return Math.log(x);
    case 'tanh':
      return Math.tanh(x);
    case 'relu':
      return Math.max(x, 0);
    case 'sqrt':
      return Math.sqrt(x);
    case 'square':
      return x * x;
    case 'reciprocal':
      return 1 / x;
    case 'erf':
      return erf(x);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'gelu':
      return (x * (1 + erf(x / Math.SQRT2))) / 2;
    case 'geluTanh':
      return (x * (1 + Math.tanh(geluInner(x)))) / 2;
    default:
      throw new Error(`no such op: ${op satisfies never}`);
  }
}

/** What GELU's tanh approximation takes the tanh of. */
function geluInner(x: number): number {
  return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
}

/** op'(x), given also y = op(x). */
function derivative(op: UnaryOp, x: number, y: number): number {
  switch (op) {
    case 'neg':
      return -1;
    case 'exp':
      return y;
    case 'log':
      return 1 / x;
    case 'tanh':
      return 1 - y * y;
    case 'relu':
      return x <= 0 ? 0 : 1;
    case 'sqrt':
      return 0.5 / y;
    case 'square':
      return 2 * x;
    case 'reciprocal':
      return -y * y;
    case 'erf':
      return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x);
    case 'sigmoid':
      return y * (1 - y);
    case 'gelu':
      return (1 + erf(x / Math.SQRT2)) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
    case 'geluTanh': {
      const t = Math.tanh(geluInner(x));
      return (1 + t) / 2 + (x / 2) * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    }
    default:
      throw new Error(`no such op: ${op satisfies never}`);
  }
}

function combine(op: BinaryOp, a: number, b: number): number {
  switch (op) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return a / b;
    default:
      throw new Error(`no such op: ${op satisfies never}`);
  }
}
