/** The part of the WASM backend that transformers need: strided copies, masks, layer norm, attention. See wasmBackend.ts for the rest. */

import type { AttentionOptions, Buf, Mark, MatmulOptions } from '../backend.ts';
import { dropoutThreshold, expectAttention, expectLayerNorm, expectLength, expectStrides } from '../check.ts';
import { attentionBackward, attentionForward } from './attention.ts';
import { Collapsed } from './collapse.ts';
import type { KernelCalls } from './exports.ts';

/** An element offset as a byte address. WebAssembly takes it modulo 2^32; a recorder's virtual ones lie far above. */
export function address(buf: Buf): number {
  return buf.at * 4;
}

/** Kernels take address 0, where no buffer lies, for a buffer that is not there. */
function optional(buf: Buf | null): number {
  return buf === null ? 0 : address(buf);
}

export abstract class WasmTransformer {
  protected abstract readonly kernels: KernelCalls;
  private readonly merged = new Collapsed();
  abstract alloc(length: number): Buf;
  abstract mark(): Mark;
  abstract release(mark: Mark): void;
  abstract fill(dst: Buf, value: number): void;
  abstract matmul(c: Buf, a: Buf, b: Buf, options: MatmulOptions): void;

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
    this.merged.set(shape, dstStrides, srcStrides);
    if (this.merged.count > 0) this.copyFrom(this.merged.rank - 1, dst.at, src.at, accumulate);
  }

  /** Dimensions 0..d of `merged`: loops while there are more than the kernel's four. */
  private copyFrom(d: number, dst: number, src: number, accumulate: boolean): void {
    const { sizes: n, aStrides: ds, bStrides: ss } = this.merged;
    if (d > 3) {
      for (let i = 0; i < n[d]; i++) this.copyFrom(d - 1, dst + i * ds[d], src + i * ss[d], accumulate);
      return;
    }
    const size = (i: number) => (i <= d ? n[i] : 1);
    this.kernels.copyStrided(
      dst * 4,
      src * 4,
      accumulate,
      size(0),
      d >= 0 ? ds[0] : 1,
      d >= 0 ? ss[0] : 1,
      size(1),
      d >= 1 ? ds[1] : 0,
      d >= 1 ? ss[1] : 0,
      size(2),
      d >= 2 ? ds[2] : 0,
      d >= 2 ? ss[2] : 0,
      size(3),
      d >= 3 ? ds[3] : 0,
      d >= 3 ? ss[3] : 0,
    );
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
    this.merged.set(shape, maskStrides, maskStrides);
    expectLength('maskedFill', 'dst', dst, this.merged.count);
    if (this.merged.count > 0)
      this.fillFrom(this.merged.rank - 1, dst.at, x.at, mask.at, dst.length, value, accumulate);
  }

  /** Dimensions 0..d of `merged`, `count` elements in all: loops while there are more than the kernel's two. */
  private fillFrom(
    d: number,
    dst: number,
    x: number,
    mask: number,
    count: number,
    value: number,
    accumulate: boolean,
  ): void {
    const { sizes: n, aStrides: ms } = this.merged;
    if (d > 1) {
      const part = count / n[d];
      for (let i = 0; i < n[d]; i++)
        this.fillFrom(d - 1, dst + i * part, x + i * part, mask + i * ms[d], part, value, accumulate);
      return;
    }
    const [n0, m0] = d >= 0 ? [n[0], ms[0]] : [1, 0];
    const [n1, m1] = d >= 1 ? [n[1], ms[1]] : [1, 0];
    this.kernels.maskedFill(dst * 4, x * 4, mask * 4, value, accumulate, n0, m0, n1, m1);
  }

  dropout(y: Buf, x: Buf, p: number, place: Buf, site: number, accumulate: boolean): void {
    const threshold = dropoutThreshold(y, x, p, place);
    this.kernels.dropout(address(y), address(x), y.length, threshold, 1 / (1 - p), address(place), site, accumulate);
  }

  attention(out: Buf, lse: Buf, q: Buf, k: Buf, v: Buf, options: AttentionOptions): void {
    expectAttention('attention', options, { q }, { k, v }, { out }, lse);
    attentionForward(this, this.kernels, out, lse, q, k, v, options);
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
    attentionBackward(this, this.kernels, dq, dk, dv, g, q, k, v, out, lse, options, accumulate);
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
    const [w, b, m, s] = [optional(weight), optional(bias), address(mean), address(rstd)];
    this.kernels.layerNorm(address(y), address(x), w, b, m, s, rows, cols, eps);
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
    this.kernels.layerNormBackward(
      optional(dx),
      optional(dWeight),
      optional(dBias),
      address(g),
      address(x),
      optional(weight),
      address(mean),
      address(rstd),
      rows,
      cols,
      accumulate.dx,
      accumulate.dWeight,
      accumulate.dBias,
    );
  }
}
