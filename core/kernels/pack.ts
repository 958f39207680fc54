/**
 * Copies parts of A and B into the order in which sweep.ts reads them: panels of B eight columns wide, strips of A up to
 * six rows high. Packing moves numbers and never computes with them.
 */
import { PANEL } from './sweep';

/**
 * Packs B[0..k, 0..n] into panels: panel q holds k runs of eight, zero beyond n. `b` is k×n with a row stride of `stride`
 * bytes.
 */
export function packRows(to: usize, b: usize, stride: usize, k: i32, n: i32): void {
  for (; n >= PANEL; n -= PANEL, b += 32) {
    let p = b;
    for (let i = 0; i < k; ++i, p += stride, to += 32) {
      const u = v128.load(p);
      const v = v128.load(p, 16);
      v128.store(to, u);
      v128.store(to, v, 16);
    }
  }
  if (n <= 0) return;
  for (let i = 0; i < k; ++i, b += stride, to += 32) {
    for (let j = 0; j < PANEL; ++j) store<f32>(to + (<usize>j << 2), j < n ? load<f32>(b + (<usize>j << 2)) : 0);
  }
}

/** The same from a transposed B: n×k in memory, with a row stride of `stride` bytes. */
export function packColumns(to: usize, b: usize, stride: usize, k: i32, n: i32): void {
  const panelBytes = <usize>k << 5;
  for (; n > 0; n -= PANEL, to += panelBytes, b += stride << 3) {
    if (n >= PANEL) {
      transposeFour(to, b, stride, k);
      transposeFour(to + 16, b + (stride << 2), stride, k);
    } else {
      for (let i = 0; i < k; ++i) {
        for (let j = 0; j < PANEL; ++j) {
          const at = <usize>i << 2;
          store<f32>(to + (<usize>i << 5) + (<usize>j << 2), j < n ? load<f32>(b + <usize>j * stride + at) : 0);
        }
      }
    }
  }
}

/** Four rows of k become k runs of four, 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transposeFour(to: usize, b: usize, stride: usize, k: i32): void {
  let b1 = b + stride;
  let b2 = b1 + stride;
  let b3 = b2 + stride;
  let i = 0;
  for (; i + 4 <= k; i += 4, to += 128) {
    const r0 = v128.load(b);
    const r1 = v128.load(b1);
    const r2 = v128.load(b2);
    const r3 = v128.load(b3);
    const lo01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const hi01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const lo23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const hi23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(lo01, lo23, 0, 2));
    v128.store(to, v128.shuffle<f64>(lo01, lo23, 1, 3), 32);
    v128.store(to, v128.shuffle<f64>(hi01, hi23, 0, 2), 64);
    v128.store(to, v128.shuffle<f64>(hi01, hi23, 1, 3), 96);
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  for (; i < k; ++i, to += 32) {
    store<f32>(to, load<f32>(b));
    store<f32>(to, load<f32>(b1), 4);
    store<f32>(to, load<f32>(b2), 8);
    store<f32>(to, load<f32>(b3), 12);
    b += 4;
    b1 += 4;
    b2 += 4;
    b3 += 4;
  }
}

/** Packs `rows` (up to six) adjacent elements from each of k rows, 32 bytes apart; `stride` in bytes. Writes 32·k bytes. */
export function packStrip(to: usize, a: usize, stride: usize, k: i32): void {
  for (let i = 0; i < k; ++i, a += stride, to += 32) {
    const u = v128.load(a);
    const v = v128.load(a, 16);
    v128.store(to, u);
    v128.store(to, v, 16);
  }
}
