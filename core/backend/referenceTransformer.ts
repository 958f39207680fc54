/** The reference kernels that transformers need: strided copies, masks, layer norm, attention. See reference.ts for what the reference is. */

import { philoxBlock } from '../random/philox.ts';
import type { AttentionLayout, AttentionOptions, Buf } from './backend.ts';
import { dropoutThreshold, expectAttention, expectLayerNorm, expectLength, expectStrides } from './check.ts';

/** to[i] (+)= value. */
export function put(to: Float64Array, i: number, value: number, accumulate: boolean): void {
  to[i] = accumulate ? to[i] + value : value;
}

/** Where the i-th element of `shape` in row-major order lies under `strides`. */
export function offset(i: number, shape: readonly number[], strides: readonly number[]): number {
  let at = 0;
  let rest = i;
  for (let d = shape.length - 1; d >= 0; d--) {
    at += (rest % shape[d]) * strides[d];
    rest = Math.floor(rest / shape[d]);
  }
  return at;
}

function rowAt(at: AttentionLayout, b: number, h: number, i: number): number {
  return b * at.batch + h * at.head + i * at.row;
}

/** Every row of every head of every batch. */
function eachHead(
  { batch, heads, rows }: Pick<AttentionOptions, 'batch' | 'heads' | 'rows'>,
  visit: (b: number, h: number, i: number) => void,
): void {
  for (let b = 0; b < batch; b++) for (let h = 0; h < heads; h++) for (let i = 0; i < rows; i++) visit(b, h, i);
}

export abstract class ReferenceTransformer {
  abstract view(buf: Buf): Float64Array;

  copyStrided(
    dst: Buf,
    src: Buf,
    shape: readonly number[],
    dstStrides: readonly number[],
    srcStrides: readonly number[],
    accumulate: boolean,
  ): void {
    expectStrides('copyStrided', 'dst', dst, shape, dstStrides);
    expectStrides('copyStrided', 'src', src, shape, srcStrides);
    const [d, s] = [this.view(dst), this.view(src)];
    const count = shape.reduce((a, b) => a * b, 1);
    for (let i = 0; i < count; i++) put(d, offset(i, shape, dstStrides), s[offset(i, shape, srcStrides)], accumulate);
  }

  maskedFill(
    dst: Buf,
    x: Buf,
    mask: Buf,
    shape: readonly number[],
    maskStrides: readonly number[],
    value: number,
    accumulate: boolean,
  ): void {
    expectLength('maskedFill', 'x', x, dst.length);
    expectStrides('maskedFill', 'mask', mask, shape, maskStrides);
    const [d, vx, m] = [this.view(dst), this.view(x), this.view(mask)];
    for (let i = 0; i < d.length; i++) put(d, i, m[offset(i, shape, maskStrides)] !== 0 ? value : vx[i], accumulate);
  }

  dropout(y: Buf, x: Buf, p: number, place: Buf, site: number, accumulate: boolean): void {
    const threshold = dropoutThreshold(y, x, p, place);
    const [vy, vx] = [this.view(y), this.view(x)];
    const [key0, key1, step, microBatch] = Array.from(this.view(place), (word) => word >>> 0);
    const words = new Uint32Array(4);
    for (let i = 0; i < vy.length; i++) {
      if (i % 4 === 0) philoxBlock(words, 0, i / 4, step, microBatch, site, key0, key1);
      put(vy, i, words[i % 4] >= threshold ? vx[i] / (1 - p) : 0, accumulate);
    }
  }

  attention(out: Buf, lse: Buf, q: Buf, k: Buf, v: Buf, options: AttentionOptions): void {
    expectAttention('attention', options, { q }, { k, v }, { out }, lse);
    const { rows, dim, layout } = options;
    const [o, l, vv] = [out, lse, v].map((buf) => this.view(buf));
    eachHead(options, (b, h, i) => {
      const scores = this.scores(b, h, i, q, k, options);
      const top = Math.max(...scores);
      const logSum = top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0));
      l[(b * options.heads + h) * rows + i] = logSum;
      for (let d = 0; d < dim; d++) {
        let sum = 0;
        for (const [j, s] of scores.entries()) sum += Math.exp(s - logSum) * vv[rowAt(layout.k, b, h, j) + d];
        o[rowAt(layout.out, b, h, i) + d] = sum;
      }
    });
  }

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
  ): void {
    expectAttention('attentionBackward', options, { dq, q }, { dk, dv, k, v }, { g, out }, lse);
    const { heads, rows, cols, dim, scale, layout } = options;
    const [vg, vq, vk, vv, l] = [g, q, k, v, lse].map((buf) => this.view(buf));
    const [toQ, toK, toV] = [dq, dk, dv].map((buf) => buf && this.view(buf));
    const clear = (to: Float64Array | null, at: AttentionLayout, n: number) =>
      eachHead({ ...options, rows: n }, (b, h, i) => to?.fill(0, rowAt(at, b, h, i), rowAt(at, b, h, i) + dim));
    if (!accumulate.dq) clear(toQ, layout.q, rows);
    if (!accumulate.dk) clear(toK, layout.k, cols);
    if (!accumulate.dv) clear(toV, layout.k, cols);
    eachHead(options, (b, h, i) => {
      const [row, above] = [rowAt(layout.q, b, h, i), rowAt(layout.out, b, h, i)];
      const p = this.scores(b, h, i, q, k, options).map((s) => Math.exp(s - l[(b * heads + h) * rows + i]));
      const dp = p.map((_, j) => {
        let sum = 0;
        for (let d = 0; d < dim; d++) sum += vg[above + d] * vv[rowAt(layout.k, b, h, j) + d];
        return sum;
      });
      const delta = p.reduce((sum, x, j) => sum + x * dp[j], 0);
      for (let j = 0; j < p.length; j++) {
        const ds = p[j] * (dp[j] - delta) * scale;
        const column = rowAt(layout.k, b, h, j);
        for (let d = 0; d < dim; d++) {
          if (toQ) toQ[row + d] += ds * vk[column + d];
          if (toK) toK[column + d] += ds * vq[row + d];
          if (toV) toV[column + d] += p[j] * vg[above + d];
        }
      }
    });
  }

  /** The scaled scores that row i of a head sees. */
  private scores(b: number, h: number, i: number, q: Buf, k: Buf, options: AttentionOptions): number[] {
    const { cols, dim, causal, scale, layout } = options;
    const [vq, vk] = [this.view(q), this.view(k)];
    const row = rowAt(layout.q, b, h, i);
    return Array.from({ length: causal ? Math.min(cols, i + 1) : cols }, (_, j) => {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum += vq[row + d] * vk[rowAt(layout.k, b, h, j) + d];
      return sum * scale;
    });
  }

  layerNorm(
    y: Buf,
    x: Buf,
    weight: Buf | null,
    bias: Buf | null,
    mean: Buf,
    rstd: Buf,
    cols: number,
    eps: number,
  ): void {
    const rows = expectLayerNorm('layerNorm', x, cols, { mean, rstd }, { weight, bias }, { y });
    const [vy, vx, m, s] = [y, x, mean, rstd].map((buf) => this.view(buf));
    const [w, b] = [weight && this.view(weight), bias && this.view(bias)];
    for (let r = 0; r < rows; r++) {
      const row = vx.subarray(r * cols, (r + 1) * cols);
      m[r] = row.reduce((sum, v) => sum + v, 0) / cols;
      s[r] = 1 / Math.sqrt(row.reduce((sum, v) => sum + (v - m[r]) ** 2, 0) / cols + eps);
      row.forEach((v, j) => {
        vy[r * cols + j] = (v - m[r]) * s[r] * (w ? w[j] : 1) + (b ? b[j] : 0);
      });
    }
  }

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
  ): void {
    const perColumn = { weight, dWeight, dBias };
    const rows = expectLayerNorm('layerNormBackward', x, cols, { mean, rstd }, perColumn, { g, dx });
    const [vg, vx, m, s] = [g, x, mean, rstd].map((buf) => this.view(buf));
    const w = weight && this.view(weight);
    const normal = (r: number, j: number) => (vx[r * cols + j] - m[r]) * s[r];
    for (let j = 0; j < cols; j++) {
      let [sumG, sumGX] = [0, 0];
      for (let r = 0; r < rows; r++) {
        sumG += vg[r * cols + j];
        sumGX += vg[r * cols + j] * normal(r, j);
      }
      if (dBias) put(this.view(dBias), j, sumG, accumulate.dBias);
      if (dWeight) put(this.view(dWeight), j, sumGX, accumulate.dWeight);
    }
    if (!dx) return;
    for (let r = 0; r < rows; r++) {
      const h = (j: number) => vg[r * cols + j] * (w ? w[j] : 1);
      let [meanH, meanHX] = [0, 0];
      for (let j = 0; j < cols; j++) {
        meanH += h(j) / cols;
        meanHX += (h(j) * normal(r, j)) / cols;
      }
      for (let j = 0; j < cols; j++)
        put(this.view(dx), r * cols + j, s[r] * (h(j) - meanH - normal(r, j) * meanHX), accumulate.dx);
    }
  }
}
