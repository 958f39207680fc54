/**
 * Attention block by block, never storing a T×T matrix: scores of 64 queries with 64 keys at a time, by the backend's own
 * matmul, with the kernels of core/kernels/attention.ts in between. Block edges are multiples of 64 whatever the memory or
 * the processor, so the order of every sum follows from the shapes.
 */
import type { AttentionLayout, AttentionOptions, Backend, Buf } from '../backend.ts';
import type { KernelCalls } from './exports.ts';

const BLOCK = 64;

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
  const scores = backend.alloc(BLOCK * BLOCK);
  const top = address(backend.alloc(BLOCK));
  const sum = address(backend.alloc(BLOCK));
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < rows; i += BLOCK) {
        const m = Math.min(BLOCK, rows - i);
        const queries = rowsOf(q, atQ, b, h, i, m, dim);
        const o = rowsOf(out, atOut, b, h, i, m, dim);
        for (let j = 0; j < cols && !(causal && j > i + m - 1); j += BLOCK) {
          const n = Math.min(BLOCK, cols - j);
          const s = scores.slice(0, m * n);
          const keys = rowsOf(k, atK, b, h, j, n, dim);
          const values = rowsOf(v, atK, b, h, j, n, dim);
          backend.matmul(s, queries, keys, { m, n, k: dim, transB: true, lda: atQ.row, ldb: atK.row });
          kernels.onlineSoftmax(
            ...([address(s), address(o), atOut.row, top, sum, m, n, dim, scale, causal, i - j, j === 0] as const),
          );
          backend.matmul(o, s, values, { m, n: dim, k: n, ldb: atK.row, ldc: atOut.row, accumulate: j > 0 });
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
  const [scoreBlock, gradientBlock] = [backend.alloc(BLOCK * BLOCK), backend.alloc(BLOCK * BLOCK)];
  const delta = backend.alloc(rows);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const [gs, os] = [rowsOf(g, atOut, b, h, 0, rows, dim), rowsOf(out, atOut, b, h, 0, rows, dim)];
      kernels.rowDots(address(delta), address(gs), address(os), atOut.row, rows, dim);
      for (let j = 0; j < cols; j += BLOCK) {
        const n = Math.min(BLOCK, cols - j);
        const keys = rowsOf(k, atK, b, h, j, n, dim);
        const values = rowsOf(v, atK, b, h, j, n, dim);
        const dKeys = dk && rowsOf(dk, atK, b, h, j, n, dim);
        const dValues = dv && rowsOf(dv, atK, b, h, j, n, dim);
        // Under the causal mask no row above j sees this block; where none at all does, its gradient is 0.
        const from = causal ? j : 0;
        if (from >= rows) {
          if (dKeys && !accumulate.dk) fillRows(backend, dKeys, n, dim, atK.row);
          if (dValues && !accumulate.dv) fillRows(backend, dValues, n, dim, atK.row);
        }
        for (let i = from; i < rows; i += BLOCK) {
          const m = Math.min(BLOCK, rows - i);
          const queries = rowsOf(q, atQ, b, h, i, m, dim);
          const g = rowsOf(gs, { batch: 0, head: 0, row: atOut.row }, 0, 0, i, m, dim);
          const [s, ds] = [scoreBlock.slice(0, m * n), gradientBlock.slice(0, m * n)];
          backend.matmul(s, queries, keys, { m, n, k: dim, transB: true, lda: atQ.row, ldb: atK.row });
          backend.matmul(ds, g, values, { m, n, k: dim, transB: true, lda: atOut.row, ldb: atK.row });
          const [l, d] = [address(lse) + 4 * ((b * heads + h) * rows + i), address(delta) + 4 * i];
          kernels.attentionGradient(address(s), address(ds), l, d, m, n, scale, causal, i - j);
          const later = i > from;
          const ofKeys = { m: n, n: dim, k: m, transA: true, ldc: atK.row };
          if (dValues) backend.matmul(dValues, s, g, { ...ofKeys, ldb: atOut.row, accumulate: accumulate.dv || later });
          if (dKeys)
            backend.matmul(dKeys, ds, queries, { ...ofKeys, ldb: atQ.row, accumulate: accumulate.dk || later });
          if (dq) {
            const to = rowsOf(dq, atQ, b, h, i, m, dim);
            const add = accumulate.dq || j > 0;
            backend.matmul(to, ds, keys, { m, n: dim, k: n, ldb: atK.row, ldc: atQ.row, accumulate: add });
          }
        }
      }
    }
  backend.release(mark);
}

function fillRows(backend: Workbench, buf: Buf, rows: number, dim: number, step: number): void {
  for (let r = 0; r < rows; r++) backend.fill(buf.slice(r * step, dim), 0);
}
