/**
 * Attention block by block, never storing a T×T matrix: scores of 256 queries with 64 keys at a time, by the backend's own
 * matmul, with the kernels of core/kernels/attention.ts in between. Block edges are the same whatever the memory or the
 * processor, so the order of every sum follows from the shapes. Under the causal mask, what is not seen is not computed.
 */
import type { AttentionLayout, AttentionOptions, Backend, Buf, MatmulOptions } from '../backend.ts';
import type { KernelCalls } from './exports.ts';

const QUERIES = 256;
const KEYS = 64;

type Workbench = Pick<Backend, 'alloc' | 'mark' | 'release' | 'matmul' | 'fill'>;

const address = (buf: Buf): number => buf.at * 4;

/** Rows [from, from + rows) of one head's matrix, as far as its last element. */
function rowsOf(
  buf: Buf,
  at: AttentionLayout,
  batch: number,
  head: number,
  from: number,
  rows: number,
  dim: number,
): Buf {
  return buf.slice(batch * at.batch + head * at.head + from * at.row, (rows - 1) * at.row + dim);
}

/** What a block of scores on the diagonal needs of a product, as an option of matmul; the whole of it if not `masked`. */
function seenIf(
  masked: boolean,
  offset: number,
): (of: 'columns' | 'depth' | 'reach') => Pick<MatmulOptions, 'triangle'> {
  return (of) => (masked ? { triangle: { of, offset } } : {});
}

/** out = softmax(q·kᵀ·scale)·v and each row's log-sum-exp. */
export function attentionForward(
  backend: Workbench,
  kernels: KernelCalls,
  out: Buf,
  lse: Buf,
  q: Buf,
  k: Buf,
  v: Buf,
  options: AttentionOptions,
): void {
  const { batch, heads, rows, cols, dim, causal, scale } = options;
  const { q: atQ, k: atK, out: atOut } = options.layout;
  const mark = backend.mark();
  const scores = backend.alloc(QUERIES * KEYS);
  const top = address(backend.alloc(QUERIES));
  const sum = address(backend.alloc(QUERIES));
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < rows; i += QUERIES) {
        const m = Math.min(QUERIES, rows - i);
        const queries = rowsOf(q, atQ, b, h, i, m, dim);
        const o = rowsOf(out, atOut, b, h, i, m, dim);
        for (let j = 0; j < cols && !(causal && j > i + m - 1); j += KEYS) {
          const n = Math.min(KEYS, cols - j);
          const s = scores.slice(0, m * n);
          const seen = seenIf(causal && i < j + n, i - j);
          const keys = rowsOf(k, atK, b, h, j, n, dim);
          const values = rowsOf(v, atK, b, h, j, n, dim);
          backend.matmul(s, queries, keys, {
            m,
            n,
            k: dim,
            transB: true,
            lda: atQ.row,
            ldb: atK.row,
            ...seen('columns'),
          });
          kernels.onlineSoftmax(
            ...([address(s), address(o), atOut.row, top, sum, m, n, dim, scale, causal, i - j, j === 0] as const),
          );
          backend.matmul(o, s, values, {
            ...{ m, n: dim, k: n, ldb: atK.row, ldc: atOut.row, accumulate: j > 0 },
            ...seen('depth'),
          });
        }
        const l = address(lse) + 4 * ((b * heads + h) * rows + i);
        kernels.attentionFinish(address(o), atOut.row, l, top, sum, m, dim);
      }
  backend.release(mark);
}

/** The gradients of `attentionForward`, recomputing the scores; any of dq, dk, dv may be null. */
export function attentionBackward(
  backend: Workbench,
  kernels: KernelCalls,
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
  const { batch, heads, rows, cols, dim, causal, scale } = options;
  const { q: atQ, k: atK, out: atOut } = options.layout;
  const mark = backend.mark();
  const [scoreBlock, gradientBlock] = [backend.alloc(QUERIES * KEYS), backend.alloc(QUERIES * KEYS)];
  const delta = backend.alloc(rows);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const [gs, os] = [rowsOf(g, atOut, b, h, 0, rows, dim), rowsOf(out, atOut, b, h, 0, rows, dim)];
      kernels.rowDots(address(delta), address(gs), address(os), atOut.row, rows, dim);
      for (let j = 0; j < cols; j += KEYS) {
        const n = Math.min(KEYS, cols - j);
        const keys = rowsOf(k, atK, b, h, j, n, dim);
        const values = rowsOf(v, atK, b, h, j, n, dim);
        const dKeys = dk && rowsOf(dk, atK, b, h, j, n, dim);
        const dValues = dv && rowsOf(dv, atK, b, h, j, n, dim);
        // Under the causal mask no row above j sees this block; where none at all does, its gradient is 0.
        const from = causal ? QUERIES * Math.floor(j / QUERIES) : 0;
        if (causal && j >= rows) {
          if (dKeys && !accumulate.dk) fillRows(backend, dKeys, n, dim, atK.row);
          if (dValues && !accumulate.dv) fillRows(backend, dValues, n, dim, atK.row);
        }
        for (let i = from; i < rows && !(causal && j >= rows); i += QUERIES) {
          const m = Math.min(QUERIES, rows - i);
          const queries = rowsOf(q, atQ, b, h, i, m, dim);
          const g = rowsOf(gs, { batch: 0, head: 0, row: atOut.row }, 0, 0, i, m, dim);
          const seen = seenIf(causal && i < j + n, i - j);
          const [s, ds] = [scoreBlock.slice(0, m * n), gradientBlock.slice(0, m * n)];
          backend.matmul(s, queries, keys, {
            m,
            n,
            k: dim,
            transB: true,
            lda: atQ.row,
            ldb: atK.row,
            ...seen('columns'),
          });
          backend.matmul(ds, g, values, {
            m,
            n,
            k: dim,
            transB: true,
            lda: atOut.row,
            ldb: atK.row,
            ...seen('columns'),
          });
          const [l, d] = [address(lse) + 4 * ((b * heads + h) * rows + i), address(delta) + 4 * i];
          kernels.attentionGradient(address(s), address(ds), l, d, m, n, scale, causal, i - j);
          const later = i > from;
          const ofKeys = { m: n, n: dim, k: m, transA: true, ldc: atK.row, ...seen('reach') };
          if (dValues) backend.matmul(dValues, s, g, { ...ofKeys, ldb: atOut.row, accumulate: accumulate.dv || later });
          if (dKeys)
            backend.matmul(dKeys, ds, queries, { ...ofKeys, ldb: atQ.row, accumulate: accumulate.dk || later });
          if (dq) {
            const to = rowsOf(dq, atQ, b, h, i, m, dim);
            const add = accumulate.dq || j > 0;
            backend.matmul(to, ds, keys, {
              ...{ m, n: dim, k: n, ldb: atK.row, ldc: atQ.row, accumulate: add },
              ...seen('depth'),
            });
          }
        }
      }
    }
  backend.release(mark);
}

function fillRows(backend: Workbench, buf: Buf, rows: number, dim: number, step: number): void {
  for (let r = 0; r < rows; r++) backend.fill(buf.slice(r * step, dim), 0);
}
