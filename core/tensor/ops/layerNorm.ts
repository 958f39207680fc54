/** Layer normalisation (Ba, Kiros and Hinton, 2016) over the last dimension, fused forward and backward. */
import { show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';

/** As torch.nn.functional.layer_norm over the last dimension; weight and bias are [cols] or null. */
export function layerNorm(x: Tensor, weight: Tensor | null, bias: Tensor | null, eps = 1e-5): Tensor {
  const { backend } = x;
  const cols = x.shape.at(-1);
  if (cols === undefined || cols === 0) throw new Error(`layerNorm: input ${show(x.shape)} has no last dimension`);
  for (const t of [weight, bias])
    if (t !== null && (t.shape.length !== 1 || t.shape[0] !== cols))
      throw new Error(
        `layerNorm: input ${show(x.shape)} does not fit weight or bias ${show(t.shape)}; expected [${cols}]`,
      );
  const rows = x.numel / cols;
  const [y, mean, rstd] = [backend.alloc(x.numel), backend.alloc(rows), backend.alloc(rows)];
  backend.layerNorm(y, x.buf, weight?.buf ?? null, bias?.buf ?? null, mean, rstd, cols, eps);
  const inputs = [x, weight, bias].filter((t) => t !== null);
  return output(backend, y, x.shape, 'layerNorm', inputs, (g, target) => {
    const dx = target(0);
    const dWeight = weight === null ? null : target(1);
    const dBias = bias === null ? null : target(weight === null ? 1 : 2);
    backend.layerNormBackward(
      dx?.buf ?? null,
      dWeight?.buf ?? null,
      dBias?.buf ?? null,
      g,
      x.buf,
      weight?.buf ?? null,
      mean,
      rstd,
      cols,
      { dx: dx?.accumulate ?? false, dWeight: dWeight?.accumulate ?? false, dBias: dBias?.accumulate ?? false },
    );
  });
}
