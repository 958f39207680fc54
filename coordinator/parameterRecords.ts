/** What a step did to each parameter: its gradient and its update, next to its own spread. */
import { distributionOf } from '../core/distribution.ts';
import type { Layout } from '../core/nn/index.ts';
import type { ParameterRecord } from '../core/protocol/diagnostics.ts';

/** @param before, after the flat parameters around the update @param grads the flat gradient that it was made from */
export function parameterRecords(
  layout: Layout,
  before: Float32Array,
  grads: Float32Array,
  after: Float32Array,
): ParameterRecord[] {
  return layout.entries.map(({ name, shape, offset, length }) => {
    const data = before.subarray(offset, offset + length);
    const { mean, std } = distributionOf(data);
    const gradient = distributionOf(grads.subarray(offset, offset + length));
    const update = distributionOf(after.slice(offset, offset + length).map((v, i) => v - (data[i] as number)));
    const ratio = (spread: number) => (std > 0 ? spread / std : 0);
    return {
      name,
      shape: [...shape],
      mean,
      std,
      gradient,
      gradToData: ratio(gradient.std),
      updateToData: ratio(update.std),
    };
  });
}
