/**
 * The chunks of forward.ts as a graph of tensors, whose gradients the tensor library finds by itself: what those made by hand
 * are compared with. The intermediates keep their gradients (`retainGrad`), as the lecture's do.
 */
import type { Backend } from '../../core/backend/backend.ts';
import {
  add,
  backward,
  embedding,
  exp,
  gather,
  intTensor,
  log,
  matmul,
  max,
  mean,
  mul,
  neg,
  pow,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  view,
} from '../../core/tensor/index.ts';
import { type Batch, EPSILON, type Forward } from './forward.ts';
import type { Gradients } from './manual.ts';
import { type Matrix, matrix } from './matrix.ts';
import type { Parameters } from './parameters.ts';

/** A batch's forward pass and every gradient. Leaves nothing in the backend's memory. */
export async function autograd(
  backend: Backend,
  parameters: Parameters,
  batch: Batch,
): Promise<{ pass: Forward; gradients: Gradients }> {
  const mark = backend.mark();
  const leaf = ({ data, rows, cols }: Matrix) => tensor(backend, data, [rows, cols], { requiresGrad: true });
  const { C, W1, b1, W2, b2, bngain, bnbias } = parameters;
  const leaves = {
    ...{ C: leaf(C), W1: leaf(W1), b1: leaf(b1), W2: leaf(W2), b2: leaf(b2) },
    ...{ bngain: leaf(bngain), bnbias: leaf(bnbias) },
  };
  const { loss, ...intermediates } = graph(backend, leaves, batch);
  for (const t of Object.values(intermediates)) t.retainGrad();
  backward(loss);
  const pass = { ...(await each(intermediates, readMatrix)), loss: await loss.item() };
  const gradients = await each({ ...leaves, ...intermediates }, async (t) => {
    if (t.grad === null) throw new Error('a tensor has no gradient');
    return readMatrix(t.grad);
  });
  backend.release(mark);
  return { pass, gradients };
}

function graph(backend: Backend, p: Record<keyof Parameters, Tensor>, { x, y }: Batch) {
  const n = y.length;
  const emb = embedding(intTensor(backend, x, [x.length]), p.C);
  const embcat = view(emb, n, emb.numel / n);
  const hprebn = add(matmul(embcat, p.W1), p.b1);
  const bnmeani = mul(sum(hprebn, { dim: 0, keepdim: true }), 1 / n);
  const bndiff = sub(hprebn, bnmeani);
  const bndiff2 = pow(bndiff, 2);
  const bnvar = mul(sum(bndiff2, { dim: 0, keepdim: true }), 1 / (n - 1));
  const bnvarInv = pow(add(bnvar, EPSILON), -0.5);
  const bnraw = mul(bndiff, bnvarInv);
  const hpreact = add(mul(p.bngain, bnraw), p.bnbias);
  const h = tanh(hpreact);
  const logits = add(matmul(h, p.W2), p.b2);
  const logitMaxes = max(logits, 1, true).values;
  const normLogits = sub(logits, logitMaxes);
  const counts = exp(normLogits);
  const countsSum = sum(counts, { dim: 1, keepdim: true });
  const countsSumInv = pow(countsSum, -1);
  const probs = mul(counts, countsSumInv);
  const logprobs = log(probs);
  const loss = neg(mean(gather(logprobs, 1, intTensor(backend, y, [n, 1]))));
  return {
    ...{ emb, embcat, hprebn, bnmeani, bndiff, bndiff2, bnvar, bnvarInv, bnraw, hpreact, h },
    ...{ logits, logitMaxes, normLogits, counts, countsSum, countsSumInv, probs, logprobs, loss },
  };
}

async function readMatrix(t: Tensor): Promise<Matrix> {
  const [rows, cols] = t.shape;
  return matrix(rows, cols, Float32Array.from(await t.read()));
}

/** The same names with what `f` makes of each. */
async function each<Name extends string>(
  tensors: Readonly<Record<Name, Tensor>>,
  f: (t: Tensor) => Promise<Matrix>,
): Promise<Record<Name, Matrix>> {
  const out: Partial<Record<Name, Matrix>> = {};
  for (const name in tensors) out[name] = await f(tensors[name]);
  return out as Record<Name, Matrix>;
}
