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

function channelsOf(x: Tensor, weight: Tensor): number {
  const channels = weight.shape[0];
  if (weight.shape.length !== 1 || channels === undefined || x.shape.at(-1) !== channels)
    throw new Error(`batchNorm: input ${show(x.shape)} does not have the ${show(weight.shape)} channels last`);
  return channels;
}

/** Normalises x [..., channels] by its own statistics, which are returned beside the result. */
export function batchNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
): { y: Tensor; statistics: BatchStatistics } {
  const { backend } = x;
  const channels = channelsOf(x, weight);
  const y = backend.alloc(x.numel);
  const mean = backend.alloc(channels);
  const variance = backend.alloc(channels);
  backend.batchNorm(y, x.buf, weight.buf, bias.buf, mean, variance, channels, eps);
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
  const channels = channelsOf(x, weight);
  const y = backend.alloc(x.numel);
  backend.batchNormEval(y, x.buf, weight.buf, bias.buf, mean.buf, variance.buf, channels, eps);
  return output(backend, y, x.shape, 'batchNormEval', [x, weight, bias], () => {
    throw new Error('batchNorm: no backward in evaluation mode; call model.train() first');
  });
}
