/** Embedding: rows of a table by id. */
import { show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';

/** weight [rows, dim], ids i32 [...] → [..., dim], as torch.nn.functional.embedding. Ids are not checked here. */
export function embedding(ids: Tensor, weight: Tensor): Tensor {
  const { backend } = weight;
  const dim = weight.shape[1];
  if (weight.shape.length !== 2 || dim === undefined)
    throw new Error(
      `embedding: ids ${show(ids.shape)} cannot look up a weight of shape ${show(weight.shape)}; expected [rows, dim]`,
    );
  if (ids.dtype !== 'i32') throw new Error('embedding: the ids must be an i32 tensor');
  const out = backend.alloc(ids.numel * dim);
  backend.embedding(out, weight.buf, ids.buf, dim);
  return output(backend, out, [...ids.shape, dim], 'embedding', [weight], (g, target) => {
    const dw = target(0);
    if (!dw) return;
    if (!dw.accumulate) backend.fill(dw.buf, 0);
    backend.embeddingBackward(dw.buf, g, ids.buf, dim);
  });
}
