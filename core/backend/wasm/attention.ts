/**
 * Attention block by block, never storing a T×T matrix: scores of 64 queries with 64 keys at a time, by the backend's own
 * matmul, with the kernels of core/kernels/attention.ts in between. Block edges are multiples of 64 whatever the memory or
 * the processor, so the order of every sum follows from the shapes.
 */
import type { AttentionOptions, Backend, Buf } from '../backend.ts';
import type { KernelExports } from './exports.ts';

const BLOCK = 64;

type Workbench = Pick<Backend, 'alloc' | 'mark' | 'release' | 'matmul' | 'fill'>;

const address = (buf: Buf): number => buf.at << 2;

/** out = softmax(q·kᵀ·scale)·v and each row's log-sum-exp. */
export function attentionForward(
  backend: Workbench,
  kernels: KernelExports,
  out: Buf,
  lse: Buf,
  q: Buf,
  k: Buf,
  v: Buf,
  options: AttentionOptions,
): void {
  const { batch, rows, cols, dim, causal, scale } = options;
  const mark = backend.mark();
  const scores = backend.alloc(BLOCK * BLOCK);
  const top = address(backend.alloc(BLOCK));
  const sum = address(backend.alloc(BLOCK));
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < rows; i += BLOCK) {
      const m = Math.min(BLOCK, rows - i);
      const queries = q.slice((b * rows + i) * dim, m * dim);
      const o = out.slice((b * rows + i) * dim, m * dim);
      for (let j = 0; j < cols && !(causal && j > i + m - 1); j += BLOCK) {
        const n = Math.min(BLOCK, cols - j);
        const s = scores.slice(0, m * n);
        const keys = k.slice((b * cols + j) * dim, n * dim);
        const values = v.slice((b * cols + j) * dim, n * dim);
        backend.matmul(s, queries, keys, { m, n, k: dim, transB: true });
        kernels.onlineSoftmax(address(s), address(o), top, sum, m, n, dim, scale, causal, i - j, j === 0);
        backend.matmul(o, s, values, { m, n: dim, k: n, accumulate: j > 0 });
      }
      kernels.attentionFinish(address(o), (lse.at + b * rows + i) << 2, top, sum, m, dim);
    }
  backend.release(mark);
}

/** The gradients of `attentionForward`, recomputing the scores; any of dq, dk, dv may be null. */
export function attentionBackward(
  backend: Workbench,
  kernels: KernelExports,
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
  const { batch, rows, cols, dim, causal, scale } = options;
  const mark = backend.mark();
  const [scoreBlock, gradientBlock] = [backend.alloc(BLOCK * BLOCK), backend.alloc(BLOCK * BLOCK)];
  const delta = backend.alloc(batch * rows);
  kernels.rowDots(address(delta), address(g), address(out), batch * rows, dim);
  for (let b = 0; b < batch; b++)
    for (let j = 0; j < cols; j += BLOCK) {
      const n = Math.min(BLOCK, cols - j);
      const [atKey, keySize] = [(b * cols + j) * dim, n * dim];
      const keys = k.slice(atKey, keySize);
      const values = v.slice(atKey, keySize);
      const [dKeys, dValues] = [dk?.slice(atKey, keySize), dv?.slice(atKey, keySize)];
      // Under the causal mask no row above j sees this block; where none at all does, its gradient is 0.
      const from = causal ? j : 0;
      if (from >= rows) {
        if (dKeys && !accumulate.dk) backend.fill(dKeys, 0);
        if (dValues && !accumulate.dv) backend.fill(dValues, 0);
      }
      for (let i = from; i < rows; i += BLOCK) {
        const m = Math.min(BLOCK, rows - i);
        const [atQuery, querySize] = [(b * rows + i) * dim, m * dim];
        const queries = q.slice(atQuery, querySize);
        const gs = g.slice(atQuery, querySize);
        const [s, ds] = [scoreBlock.slice(0, m * n), gradientBlock.slice(0, m * n)];
        backend.matmul(s, queries, keys, { m, n, k: dim, transB: true });
        backend.matmul(ds, gs, values, { m, n, k: dim, transB: true });
        const [l, d] = [(lse.at + b * rows + i) << 2, (delta.at + b * rows + i) << 2];
        kernels.attentionGradient(address(s), address(ds), l, d, m, n, scale, causal, i - j);
        const later = i > from;
        if (dValues)
          backend.matmul(dValues, s, gs, { m: n, n: dim, k: m, transA: true, accumulate: accumulate.dv || later });
        if (dKeys)
          backend.matmul(dKeys, ds, queries, { m: n, n: dim, k: m, transA: true, accumulate: accumulate.dk || later });
        if (dq) {
          const to = dq.slice(atQuery, querySize);
          backend.matmul(to, ds, keys, { m, n: dim, k: n, accumulate: accumulate.dq || j > 0 });
        }
      }
    }
  backend.release(mark);
}
