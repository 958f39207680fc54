/** Batch normalisation (Ioffe and Szegedy, 2015) over all dimensions but the last, channels last as in the lectures. */
import type { Buf } from '../../backend/backend.ts';
import { show } from '../shape.ts';
import { output, type Tensor } from '../tensor.ts';

/** The statistics a training-mode batch norm has used: of each channel, over `rows` rows; the variance is biased. */
export interface BatchStatistics {
  readonly rows: number;
  readonly mean: Buf;
  readonly variance: Buf;
}

function channelsOf(x: Tensor, perChannel: { readonly [name: string]: Tensor }): number {
  const channels = x.shape.at(-1);
  if (channels === undefined) throw new Error(`batchNorm: input ${show(x.shape)} has no last dimension`);
  for (const [name, t] of Object.entries(perChannel))
    if (t.shape.length !== 1 || t.shape[0] !== channels)
      throw new Error(
        `batchNorm: input ${show(x.shape)} does not fit ${name} ${show(t.shape)}; expected the channels last, and [${channels}]`,
      );
  return channels;
}

/**
 * Normalises x [..., channels] by its own statistics, which are returned beside the result.
 * @param unbiased divides by n − 1 in the variance that it normalises with, as the lecture's batch norm made by hand does;
 *   torch.nn.functional.batch_norm divides by n. The statistics returned are the same.
 */
export function batchNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
  unbiased = false,
): { y: Tensor; statistics: BatchStatistics } {
  const { backend } = x;
  const channels = channelsOf(x, { weight, bias });
  if (unbiased && x.numel <= channels)
    throw new Error(`batchNorm: input ${show(x.shape)} has one row, of which there is no unbiased variance`);
  const y = backend.alloc(x.numel);
  const mean = backend.alloc(channels);
  const variance = backend.alloc(channels);
  backend.batchNorm(y, x.buf, weight.buf, bias.buf, mean, variance, channels, eps, unbiased);
  const out = output(backend, y, x.shape, 'batchNorm', [x, weight, bias], (g, target) => {
    const [dx, dWeight, dBias] = [target(0), target(1), target(2)];
    backend.batchNormBackward(
      dx?.buf ?? null,
      dWeight?.buf ?? null,
      dBias?.buf ?? null,
      g,
      x.buf,
      weight.buf,
      mean,
      variance,
      channels,
      eps,
      unbiased,
      { dx: dx?.accumulate ?? false, dWeight: dWeight?.accumulate ?? false, dBias: dBias?.accumulate ?? false },
    );
  });
  return { y: out, statistics: { rows: x.numel / channels, mean, variance } };
}

/** Normalises x [..., channels] by given statistics (evaluation mode). Has no backward. */
export function batchNormEval(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  mean: Tensor,
  variance: Tensor,
  eps: number,
): Tensor {
  const { backend } = x;
  const channels = channelsOf(x, { weight, bias, mean, variance });
  const y = backend.alloc(x.numel);
  backend.batchNormEval(y, x.buf, weight.buf, bias.buf, mean.buf, variance.buf, channels, eps);
  return output(backend, y, x.shape, 'batchNormEval', [x, weight, bias], () => {
    throw new Error('batchNorm: no backward in evaluation mode; call model.train() first');
  });
}
