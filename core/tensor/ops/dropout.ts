/** Dropout (Srivastava et al., 2014), its random numbers named by a place in the run: nothing is stored for the backward. */
import { output, type Tensor } from '../tensor.ts';

/** Which random numbers to take: those of the stream at `site` whose words key0, key1, step, microBatch `place` [4] holds. */
export interface RandomSource {
  readonly place: Tensor;
  readonly site: number;
}

/** Each element is 0 with probability p, else x / (1 − p), as torch.nn.functional.dropout. Element i takes word i. */
export function dropout(x: Tensor, p: number, { place, site }: RandomSource): Tensor {
  const { backend } = x;
  if (!(p >= 0 && p <= 1)) throw new RangeError(`dropout: p must be from 0 to 1, not ${p}`);
  const y = backend.alloc(x.numel);
  if (p === 1) backend.fill(y, 0);
  else backend.dropout(y, x.buf, p, place.buf, site, false);
  return output(backend, y, x.shape, 'dropout', [x], (g, target) => {
    const dx = target(0);
    if (!dx) return;
    if (p < 1) backend.dropout(dx.buf, g, p, place.buf, site, dx.accumulate);
    else if (!dx.accumulate) backend.fill(dx.buf, 0);
  });
}
