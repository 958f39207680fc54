/** The part of the WASM backend that transformers need: layer norm. See wasmBackend.ts for the rest. */
import type { Buf } from '../backend.ts';
import { expectLayerNorm } from '../check.ts';
import type { KernelExports } from './exports.ts';

/** An element offset as a byte address; may wrap to a negative number, which WebAssembly reads as unsigned. */
export function address(buf: Buf): number {
  return buf.at << 2;
}

/** Kernels take address 0, where no buffer lies, for a buffer that is not there. */
function optional(buf: Buf | null): number {
  return buf === null ? 0 : address(buf);
}

export abstract class WasmTransformer {
  protected abstract readonly kernels: KernelExports;

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
