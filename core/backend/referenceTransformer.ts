/** The reference kernels that transformers need: layer norm. See reference.ts for what the reference is. */
import type { Buf } from './backend.ts';
import { expectLayerNorm } from './check.ts';

/** to[i] (+)= value. */
export function put(to: Float64Array, i: number, value: number, accumulate: boolean): void {
  to[i] = accumulate ? to[i] + value : value;
}

export abstract class ReferenceTransformer {
  abstract view(buf: Buf): Float64Array;

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
