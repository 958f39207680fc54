/** The reference kernels that choose: by index, the largest, at random; and the codecs. See reference.ts for what the reference is. */
import { philoxBlock } from '../random/philox.ts';
import type { Buf, GatherSizes, HalfFormat } from './backend.ts';
import {
  badId,
  badProbabilities,
  expectAmax,
  expectGather,
  expectLength,
  expectMultinomial,
  expectTopk,
} from './check.ts';
import { packed, unpacked } from './referenceCodecs.ts';
import { put, ReferenceTransformer } from './referenceTransformer.ts';

export abstract class ReferenceSelection extends ReferenceTransformer {
  oneHot(dst: Buf, ids: Buf, classes: number): void {
    expectLength('oneHot', 'dst', dst, ids.length * classes);
    const d = this.view(dst).fill(0);
    this.view(ids).forEach((id, i) => {
      if (!(id >= 0 && id < classes)) throw badId('oneHot', id, i, classes);
      d[i * classes + id] = 1;
    });
  }

  gather(out: Buf, x: Buf, index: Buf, sizes: GatherSizes): void {
    expectGather('gather', x, out, index, sizes);
    const [o, vx] = [this.view(out), this.view(x)];
    this.chosen('gather', index, sizes).forEach((at, i) => {
      o[i] = vx[at];
    });
  }

  scatterAdd(dx: Buf, g: Buf, index: Buf, sizes: GatherSizes): void {
    expectGather('scatterAdd', dx, g, index, sizes);
    const [d, vg] = [this.view(dx), this.view(g)];
    this.chosen('scatterAdd', index, sizes).forEach((at, i) => {
      d[at] += vg[i];
    });
  }

  /** Where in x each element of the index points. */
  private chosen(kernel: string, index: Buf, { n, m, inner }: GatherSizes): number[] {
    return Array.from(this.view(index), (id, i) => {
      if (!(id >= 0 && id < n)) throw badId(kernel, id, i, n);
      return (Math.floor(i / (m * inner)) * n + id) * inner + (i % inner);
    });
  }

  topk(indices: Buf, x: Buf, cols: number, k: number): void {
    const rows = expectTopk(indices, x, cols, k);
    for (let r = 0; r < rows; r++) {
      const row = this.view(x.slice(r * cols, cols));
      const rank = (v: number) => (Number.isNaN(v) ? 1 : 0);
      // A stable sort; NaN first, then by value. Infinities are compared, not subtracted.
      const order = Array.from(row.keys()).sort((a, b) => {
        const byNaN = rank(row[b]) - rank(row[a]);
        return byNaN !== 0 ? byNaN : row[a] > row[b] ? -1 : row[a] < row[b] ? 1 : 0;
      });
      this.view(indices.slice(r * k, k)).set(order.slice(0, k));
    }
  }

  amax(y: Buf, x: Buf, cols: number): void {
    const rows = expectAmax('amax', y, x, cols);
    const to = this.view(y);
    for (let r = 0; r < rows; r++) to[r] = this.view(x.slice(r * cols, cols)).reduce((a, b) => Math.max(a, b));
  }

  amaxBackward(dx: Buf, g: Buf, x: Buf, y: Buf, cols: number, accumulate: boolean): void {
    const rows = expectAmax('amaxBackward', y, x, cols);
    expectLength('amaxBackward', 'g', g, rows);
    expectLength('amaxBackward', 'dx', dx, x.length);
    const [vg, vy] = [this.view(g), this.view(y)];
    for (let r = 0; r < rows; r++) {
      const [d, row] = [dx, x].map((buf) => this.view(buf.slice(r * cols, cols)));
      const ties = row.filter((v) => v === vy[r]).length;
      row.forEach((v, j) => {
        put(d, j, (v === vy[r] ? vg[r] : 0) / ties, accumulate);
      });
    }
  }

  countNotEqual(dst: Buf, ids: Buf, value: number): void {
    expectLength('countNotEqual', 'dst', dst, 1);
    this.view(dst)[0] = this.view(ids).filter((id) => id !== value).length;
  }

  multinomial(indices: Buf, probabilities: Buf, classes: number, place: Buf, site: number): void {
    const [rows, samples] = expectMultinomial(indices, probabilities, classes, place);
    const [key0, key1, step, microBatch] = Array.from(this.view(place), (word) => word >>> 0);
    const words = new Uint32Array(4);
    const drawn = this.view(indices);
    for (let r = 0; r < rows; r++) {
      const row = this.view(probabilities.slice(r * classes, classes));
      const total = row.reduce((sum, p) => sum + p, 0);
      if (!row.every((p) => p >= 0) || !(total > 0 && total < Infinity)) throw badProbabilities(r);
      for (let i = r * samples; i < (r + 1) * samples; i++) {
        philoxBlock(words, 0, Math.floor(i / 4), step, microBatch, site, key0, key1);
        const target = words[i % 4] * 2 ** -32 * total;
        let sum = 0;
        drawn[i] = row.findIndex((p) => {
          sum += p;
          return sum > target;
        });
      }
    }
  }

  pow(y: Buf, x: Buf, exponent: number): void {
    expectLength('pow', 'x', x, y.length);
    const [to, from] = [this.view(y), this.view(x)];
    // JavaScript has NaN where C and PyTorch have 1: 1 to the power of NaN, ±1 to that of ±Infinity.
    const isOne = (v: number) => v === 1 || (v === -1 && Math.abs(exponent) === Infinity);
    for (let i = 0; i < to.length; i++) to[i] = isOne(from[i]) ? 1 : from[i] ** exponent;
  }

  // ---- codecs ----

  packHalf(format: HalfFormat, dst: Buf, src: Buf): void {
    expectLength('packHalf', 'dst', dst, Math.ceil(src.length / 2));
    const [d, s] = [this.view(dst), this.view(src)];
    for (let i = 0; i < d.length; i++) {
      const high = 2 * i + 1 < s.length ? packed(format, s[2 * i + 1]) : 0;
      d[i] = packed(format, s[2 * i]) | (high << 16);
    }
  }

  unpackHalf(format: HalfFormat, dst: Buf, src: Buf): void {
    expectLength('unpackHalf', 'src', src, Math.ceil(dst.length / 2));
    const [d, s] = [this.view(dst), this.view(src)];
    for (let i = 0; i < d.length; i++) d[i] = unpacked(format, (s[i >> 1] >>> (i % 2 === 0 ? 0 : 16)) & 0xffff);
  }
}
