/** The part of the WASM backend that chooses: by index, the largest, at random; and the codecs. See wasmBackend.ts for the rest. */
import type { Buf, GatherSizes, HalfFormat } from '../backend.ts';
import {
  badId,
  badProbabilities,
  expectAmax,
  expectGather,
  expectLength,
  expectMultinomial,
  expectTopk,
} from '../check.ts';
import type { Arena } from './arena.ts';
import { address, WasmTransformer } from './transformer.ts';

export abstract class WasmSelection extends WasmTransformer {
  protected abstract readonly arena: Arena;

  oneHot(dst: Buf, ids: Buf, classes: number): void {
    expectLength('oneHot', 'dst', dst, ids.length * classes);
    const bad = this.kernels.oneHot(address(dst), address(ids), ids.length, classes);
    if (bad !== undefined && bad >= 0) throw badId('oneHot', this.arena.i32[ids.at + bad], bad, classes);
  }

  gather(out: Buf, x: Buf, index: Buf, sizes: GatherSizes): void {
    expectGather('gather', x, out, index, sizes);
    const { outer, n, m, inner } = sizes;
    const bad = this.kernels.gather(address(out), address(x), address(index), outer, n, m, inner);
    if (bad !== undefined && bad >= 0) throw badId('gather', this.arena.i32[index.at + bad], bad, n);
  }

  scatterAdd(dx: Buf, g: Buf, index: Buf, sizes: GatherSizes): void {
    expectGather('scatterAdd', dx, g, index, sizes);
    const { outer, n, m, inner } = sizes;
    const bad = this.kernels.scatterAdd(address(dx), address(g), address(index), outer, n, m, inner);
    if (bad !== undefined && bad >= 0) throw badId('scatterAdd', this.arena.i32[index.at + bad], bad, n);
  }

  topk(indices: Buf, x: Buf, cols: number, k: number): void {
    const rows = expectTopk(indices, x, cols, k);
    this.kernels.topk(address(indices), address(x), rows, cols, k);
  }

  amax(y: Buf, x: Buf, cols: number): void {
    const rows = expectAmax('amax', y, x, cols);
    this.kernels.amax(address(y), address(x), rows, cols);
  }

  amaxBackward(dx: Buf, g: Buf, x: Buf, y: Buf, cols: number, accumulate: boolean): void {
    const rows = expectAmax('amaxBackward', y, x, cols);
    expectLength('amaxBackward', 'g', g, rows);
    expectLength('amaxBackward', 'dx', dx, x.length);
    this.kernels.amaxBackward(address(dx), address(g), address(x), address(y), rows, cols, accumulate);
  }

  countNotEqual(dst: Buf, ids: Buf, value: number): void {
    expectLength('countNotEqual', 'dst', dst, 1);
    this.kernels.countNotEqual(address(dst), address(ids), ids.length, value);
  }

  multinomial(indices: Buf, probabilities: Buf, classes: number, place: Buf, site: number): void {
    const [rows, samples] = expectMultinomial(indices, probabilities, classes, place);
    const [to, from] = [address(indices), address(probabilities)];
    const bad = this.kernels.multinomial(to, from, rows, classes, samples, address(place), site);
    if (bad !== undefined && bad >= 0) throw badProbabilities(bad);
  }

  pow(y: Buf, x: Buf, exponent: number): void {
    expectLength('pow', 'x', x, y.length);
    this.kernels.pow(address(y), address(x), y.length, exponent);
  }

  // ---- codecs ----

  packHalf(format: HalfFormat, dst: Buf, src: Buf): void {
    expectLength('packHalf', 'dst', dst, Math.ceil(src.length / 2));
    this.kernels[format === 'bf16' ? 'packBf16' : 'packF16'](address(dst), address(src), src.length);
  }

  unpackHalf(format: HalfFormat, dst: Buf, src: Buf): void {
    expectLength('unpackHalf', 'src', src, Math.ceil(dst.length / 2));
    this.kernels[format === 'bf16' ? 'unpackBf16' : 'unpackF16'](address(dst), address(src), dst.length);
  }
}
