/** Scaled dot-product attention (Vaswani et al., 2017), fused: no [T, T] matrix is stored, forward or backward. */
import type { AttentionOptions, Buf } from '../../backend/backend.ts';
import { numel, sameShape, show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';

export interface AttentionArguments {
  /** Position i attends to positions 0 to i alone. */
  isCausal?: boolean;
  /** Multiplies the scores; 1/√dim when left out. */
  scale?: number;
}

/**
 * softmax(q·kᵀ·scale)·v for q [..., T, D] and k, v [..., S, D], as torch.nn.functional.scaled_dot_product_attention.
 * The leading dimensions (batch, heads) are equal.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionArguments = {}): Tensor {
  const { backend } = q;
  const [rows, dim] = q.shape.slice(-2);
  const cols = k.shape.at(-2);
  const fits = sameShape(q.shape.slice(0, -2), k.shape.slice(0, -2)) && k.shape.at(-1) === dim;
  if (q.shape.length < 2 || cols === undefined || !fits || !sameShape(k.shape, v.shape))
    throw new Error(
      `scaledDotProductAttention: q ${show(q.shape)}, k ${show(k.shape)} and v ${show(v.shape)} do not fit; expected [..., T, D] and twice [..., S, D]`,
    );
  const batch = numel(q.shape.slice(0, -2));
  const dense = (n: number) => ({ batch: n * dim, head: 0, row: dim });
  const settings: AttentionOptions = {
    ...{ batch, heads: 1, rows, cols, dim },
    causal: options.isCausal ?? false,
    scale: options.scale ?? 1 / Math.sqrt(dim),
    layout: { q: dense(rows), k: dense(cols), out: dense(rows) },
  };
  const [out, lse] = [backend.alloc(q.numel), backend.alloc(batch * rows)];
  backend.attention(out, lse, q.buf, k.buf, v.buf, settings);
  return output(backend, out, q.shape, 'scaledDotProductAttention', [q, k, v], (g, target) => {
    const [dq, dk, dv] = [target(0), target(1), target(2)];
    backend.attentionBackward(
      dq?.buf ?? null,
      dk?.buf ?? null,
      dv?.buf ?? null,
      g,
      q.buf,
      k.buf,
      v.buf,
      out,
      lse,
      settings,
      { dq: dq?.accumulate ?? false, dk: dk?.accumulate ?? false, dv: dv?.accumulate ?? false },
    );
  });
}

/**
 * Multi-head causal self-attention of a projection qkv [B, T, 3·C] whose last dimension is queries, keys and values, each of
 * `heads` heads of C/heads: → [B, T, C]. What GPT-2's attention does between c_attn and c_proj. The heads are read and
 * written where they lie; nothing is split, transposed or joined.
 */
export function causalSelfAttention(qkv: Tensor, heads: number): Tensor {
  const { backend } = qkv;
  const [batch, rows, width] = qkv.shape;
  const channels = width / 3;
  const dim = channels / heads;
  if (qkv.shape.length !== 3 || !Number.isInteger(dim))
    throw new Error(
      `causalSelfAttention: qkv ${show(qkv.shape)} is not [B, T, 3·C] with C a multiple of ${heads} heads`,
    );
  const inside = { batch: rows * width, head: dim, row: width };
  const settings: AttentionOptions = {
    ...{ batch, heads, rows, cols: rows, dim },
    causal: true,
    scale: 1 / Math.sqrt(dim),
    layout: { q: inside, k: inside, out: { batch: rows * channels, head: dim, row: channels } },
  };
  /** Queries, keys and values, each from its first element to its last. */
  const parts = (buf: Buf) => [0, 1, 2].map((i) => buf.slice(i * channels, buf.length - 2 * channels));
  const [out, lse] = [backend.alloc(batch * rows * channels), backend.alloc(batch * heads * rows)];
  const [q, k, v] = parts(qkv.buf);
  backend.attention(out, lse, q, k, v, settings);
  return output(backend, out, [batch, rows, channels], 'causalSelfAttention', [qkv], (g, target) => {
    const d = target(0);
    if (!d) return;
    const [dq, dk, dv] = parts(d.buf);
    const accumulate = { dq: d.accumulate, dk: d.accumulate, dv: d.accumulate };
    backend.attentionBackward(dq, dk, dv, g, q, k, v, out, lse, settings, accumulate);
  });
}
