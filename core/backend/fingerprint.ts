/**
 * The name of a worker's numerics class: a hash of what every kernel computes on a fixed input. Two workers with the same
 * fingerprint are taken to train to the same bits. It proves nothing about an adversary, who can copy a hash.
 *
 * Inputs come from integers alone, sizes include odd ones, and no output is a NaN (whose bits engines may choose).
 * Changing anything here, or a kernel's arithmetic, changes the class: workers of both versions then refuse each other.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Backend, BinaryOp, Buf, UnaryOp } from './backend.ts';

/** Sixteen hexadecimal digits. Leaves the backend's arena as it found it. */
export async function fingerprint(backend: Backend): Promise<string> {
  const mark = backend.mark();
  try {
    const test = new SelfTest(backend);
    matmuls(test);
    elementwise(test);
    strided(test);
    layers(test);
    layerNorms(test);
    moves(test);
    attentions(test);
    dropouts(test);
    selections(test);
    powersAndCodecs(test);
    optimizers(test);
    return await test.digest();
  } finally {
    backend.release(mark);
  }
}

/** Makes inputs and keeps outputs. */
class SelfTest {
  readonly backend: Backend;
  private readonly outputs: Buf[] = [];
  private state = 1;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** A 32-bit linear congruential generator (Numerical Recipes), the upper 24 bits of it. */
  private next(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return this.state >>> 8;
  }

  /** Numbers in [low, high), each one a rounding of an exact product, the same everywhere. */
  floats(length: number, low = -2, high = 2): Buf {
    const buf = this.backend.alloc(length);
    const data = Float32Array.from({ length }, () => low + (this.next() / 2 ** 24) * (high - low));
    this.backend.write(buf, data);
    return buf;
  }

  ints(length: number, below: number, low = 0): Buf {
    const buf = this.backend.alloc(length);
    const data = Int32Array.from({ length }, () => low + (this.next() % (below - low)));
    this.backend.writeInts(buf, data);
    return buf;
  }

  /** A zeroed buffer whose final content counts. */
  out(length: number): Buf {
    const buf = this.backend.alloc(length);
    this.backend.fill(buf, 0);
    return this.keep(buf);
  }

  keep(buf: Buf): Buf {
    this.outputs.push(buf);
    return buf;
  }

  /** The outputs' f32 values, little-endian, in the order in which they were made. */
  async digest(): Promise<string> {
    const hash = sha256.create();
    for (const buf of this.outputs) {
      const values = await this.backend.read(buf);
      const bytes = new DataView(new ArrayBuffer(4 * values.length));
      values.forEach((value, i) => {
        bytes.setFloat32(4 * i, value, true);
      });
      hash.update(new Uint8Array(bytes.buffer));
    }
    return bytesToHex(hash.digest()).slice(0, 16);
  }
}

const MATMUL_SHAPES = [
  [1, 1, 1],
  [5, 9, 3],
  [13, 27, 30],
  [33, 70, 300],
  [8, 530, 129],
] as const;

function matmuls(t: SelfTest): void {
  for (const [m, n, k] of MATMUL_SHAPES) {
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        const c = t.out(m * n);
        t.backend.matmul(c, t.floats(m * k), t.floats(k * n), { m, n, k, transA, transB });
        t.backend.matmul(c, t.floats(m * k), t.floats(k * n), { m, n, k, transA, transB, accumulate: true });
      }
    }
    const activation = { op: 'gelu', out: t.out(m * n) } as const;
    t.backend.matmul(t.out(m * n), t.floats(m * k), t.floats(k * n), { m, n, k, bias: t.floats(n), activation });
  }
}

const UNARY: Readonly<Record<UnaryOp, readonly [low: number, high: number]>> = {
  neg: [-2, 2],
  exp: [-110, 88],
  log: [1e-3, 1e3],
  tanh: [-10, 10],
  relu: [-2, 2],
  sqrt: [1e-3, 1e3],
  square: [-2, 2],
  reciprocal: [1e-3, 1e3],
  erf: [-5, 5],
  sigmoid: [-100, 100],
  gelu: [-10, 10],
  geluTanh: [-10, 10],
};

function elementwise(t: SelfTest): void {
  const n = 1003;
  for (const [op, [low, high]] of Object.entries(UNARY) as [UnaryOp, readonly [number, number]][]) {
    const x = t.floats(n, low, high);
    const y = t.out(n);
    t.backend.unary(op, y, x);
    const dx = t.out(n);
    t.backend.unaryBackward(op, dx, t.floats(n), x, y, false);
    t.backend.unaryBackward(op, dx, t.floats(n), x, y, true);
  }
  const y = t.out(n);
  t.backend.copy(y, t.floats(n));
  t.backend.scale(y, t.floats(n), 0.7, true);
  t.backend.scale(t.out(n), y, -1.3, false);
}

function strided(t: SelfTest): void {
  const shape = [3, 2, 5, 7];
  const dense = [70, 35, 7, 1];
  for (const op of ['add', 'sub', 'mul', 'div'] satisfies BinaryOp[]) {
    for (const strides of [dense, [0, 0, 0, 0], [0, 0, 7, 1], [1, 3, 6, 0], [0, 1, 14, 2]]) {
      const dst = t.out(210);
      t.backend.binary(op, dst, t.floats(210), t.floats(210, 1, 2), shape, dense, strides, false);
      t.backend.binary(op, dst, t.floats(210), t.floats(210, 1, 2), shape, strides, dense, true);
    }
  }
  for (const [length, strides] of [
    [1, [0, 0, 0, 0]],
    [7, [0, 0, 0, 1]],
    [30, [10, 5, 1, 0]],
    [14, [0, 7, 0, 1]],
    [15, [5, 0, 1, 0]],
  ] as const) {
    const dst = t.out(length);
    t.backend.sumInto(dst, t.floats(210), shape, strides, false);
    t.backend.sumInto(dst, t.floats(210), shape, strides, true);
  }
  t.backend.sumInto(t.out(3), t.floats(3 * 2111), [3, 2111], [1, 0], false);
  t.backend.sumInto(t.out(23), t.floats(300 * 23), [300, 23], [0, 1], false);
}

function layers(t: SelfTest): void {
  const b = t.backend;
  const [rows, channels] = [133, 21];
  const size = rows * channels;
  const ids = t.ints(rows, 29);
  b.embedding(t.out(size), t.floats(29 * channels), ids, channels);
  b.embeddingBackward(t.out(29 * channels), t.floats(size), ids, channels);

  const [x, g, weight, bias] = [t.floats(size), t.floats(size), t.floats(channels), t.floats(channels)];
  const [mean, variance] = [t.out(channels), t.out(channels)];
  b.batchNorm(t.out(size), x, weight, bias, mean, variance, channels, 1e-5, false);
  b.batchNorm(t.out(size), x, weight, bias, mean, variance, channels, 1e-5, true);
  b.batchNormEval(t.out(size), g, weight, bias, mean, variance, channels, 1e-5);
  const [dx, dWeight, dBias] = [t.out(size), t.out(channels), t.out(channels)];
  for (const add of [false, true]) {
    const accumulate = { dx: add, dWeight: add, dBias: add };
    b.batchNormBackward(dx, dWeight, dBias, g, x, weight, mean, variance, channels, 1e-5, add, accumulate);
  }

  for (const log of [false, true]) {
    const y = t.out(size);
    b.softmax(y, x, channels, log);
    const d = t.out(size);
    b.softmaxBackward(d, g, y, channels, log, false);
    b.softmaxBackward(d, x, y, channels, log, true);
  }
  const targets = t.ints(rows, channels, -1);
  const lse = t.out(rows);
  b.crossEntropy(t.out(rows), lse, x, targets, channels, -1);
  const dLogits = t.out(size);
  b.crossEntropyBackward(dLogits, t.floats(rows), x, lse, targets, channels, -1, false);
  b.crossEntropyBackward(dLogits, t.floats(rows), x, lse, targets, channels, -1, true);
}

function layerNorms(t: SelfTest): void {
  const [rows, cols] = [133, 37];
  const size = rows * cols;
  const [x, g, weight, bias] = [t.floats(size), t.floats(size), t.floats(cols), t.floats(cols)];
  const [mean, rstd] = [t.out(rows), t.out(rows)];
  t.backend.layerNorm(t.out(size), x, null, null, mean, rstd, cols, 1e-5);
  t.backend.layerNorm(t.out(size), x, weight, bias, mean, rstd, cols, 1e-5);
  const [dx, dWeight, dBias] = [t.out(size), t.out(cols), t.out(cols)];
  for (const [add, w] of [[false, weight] as const, [true, null] as const]) {
    const accumulate = { dx: add, dWeight: add, dBias: add };
    t.backend.layerNormBackward(dx, dWeight, dBias, g, x, w, mean, rstd, cols, accumulate);
  }
}

function moves(t: SelfTest): void {
  const shape = [3, 5, 7];
  const src = t.floats(105);
  t.backend.copyStrided(t.out(105), src, shape, [7, 21, 1], [35, 7, 1], false);
  t.backend.copyStrided(t.out(105), src, shape, [1, 3, 15], [35, 7, 1], true);
  t.backend.maskedFill(t.out(105), src, t.ints(35, 2), shape, [0, 7, 1], -3, false);
}

function dropouts(t: SelfTest): void {
  const place = t.backend.alloc(4);
  t.backend.writeInts(place, Int32Array.of(-20231, -1, 7, 3));
  const y = t.out(1003);
  t.backend.dropout(y, t.floats(1003), 0.2, place, 256, false);
  t.backend.dropout(y, t.floats(1003), 0.5, place, 256, true);
}

function selections(t: SelfTest): void {
  const b = t.backend;
  const [rows, cols] = [41, 37];
  const size = rows * cols;
  const [x, g] = [t.floats(size), t.floats(rows)];
  b.oneHot(t.out(rows * 7), t.ints(rows, 7), 7);
  b.countNotEqual(t.out(1), t.ints(size, 3), 1);
  const sizes = { outer: 1, n: rows, m: 2 * rows, inner: cols };
  const index = t.ints(2 * size, rows);
  b.gather(t.out(2 * size), x, index, sizes);
  b.scatterAdd(t.out(size), t.floats(2 * size), index, sizes);
  const y = t.out(rows);
  b.amax(y, x, cols);
  const dx = t.out(size);
  b.amaxBackward(dx, g, x, y, cols, false);
  b.amaxBackward(dx, t.floats(rows), x, y, cols, true);
  b.topk(t.out(rows * 5), x, cols, 5);
  const place = b.alloc(4);
  b.writeInts(place, Int32Array.of(77, 0, 2, 1));
  b.multinomial(t.out(rows * 9), t.floats(size, 0, 3), cols, place, 4);
}

function powersAndCodecs(t: SelfTest): void {
  const n = 1003;
  for (const [exponent, low] of [
    [3, -50],
    [-2, -50],
    [2.5, 0],
    [-0.3, 1e-3],
    [17, -50],
  ] as const)
    t.backend.pow(t.out(n), t.floats(n, low, 50), exponent);
  for (const format of ['bf16', 'f16'] as const) {
    const [pairs, back] = [t.backend.alloc(Math.ceil(n / 2)), t.out(n)];
    // Products reach f16's subnormals; what is packed may look like a NaN, so only what is unpacked counts.
    const x = t.floats(n, -1e-2, 1e-2);
    t.backend.binary('mul', x, x, t.floats(n, -1e-2, 1e-2), [n], [1], [1], false);
    t.backend.packHalf(format, pairs, x);
    t.backend.unpackHalf(format, back, pairs);
  }
}

function attentions(t: SelfTest): void {
  const b = t.backend;
  for (const causal of [false, true]) {
    const n = 2 * 77 * 19;
    const at = { batch: 77 * 19, head: 0, row: 19 };
    const layout = { q: at, k: at, out: at };
    const options = { batch: 2, heads: 1, rows: 77, cols: 77, dim: 19, causal, scale: 0.25, layout };
    const [q, k, v, g] = [t.floats(n), t.floats(n), t.floats(n), t.floats(n)];
    const [out, lse] = [t.out(n), t.out(2 * 77)];
    b.attention(out, lse, q, k, v, options);
    const [dq, dk, dv] = [t.out(n), t.out(n), t.out(n)];
    b.attentionBackward(dq, dk, dv, g, q, k, v, out, lse, options, { dq: causal, dk: causal, dv: causal });
  }
}

function optimizers(t: SelfTest): void {
  const b = t.backend;
  const n = 1037;
  b.sumOfSquares(t.out(1), t.floats(n));
  b.allFinite(t.out(1), t.floats(n));
  const [p, m, v] = [t.keep(t.floats(n)), t.out(n), t.out(n)];
  const adam = { lr: 0.01, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 };
  b.adamw(p, t.floats(n), m, v, { ...adam, biasCorrection1: 0.1, biasCorrection2: 0.01 });
  b.adamw(p, t.floats(n), m, v, { ...adam, biasCorrection1: 0.19, biasCorrection2: 0.0199 });
  const [q, buffer] = [t.keep(t.floats(n)), t.out(n)];
  const sgd = { lr: 0.1, momentum: 0.9, weightDecay: 0.01 };
  b.sgd(q, t.floats(n), buffer, { ...sgd, nesterov: false, first: true });
  b.sgd(q, t.floats(n), buffer, { ...sgd, nesterov: true, first: false });
  b.sgd(q, t.floats(n), null, { ...sgd, momentum: 0, nesterov: false, first: false });
}
