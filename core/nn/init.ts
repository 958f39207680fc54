/**
 * Initialisers: how a parameter's first values are drawn. By torch.nn.init's names.
 *
 * The coordinator alone runs them, once; workers are sent the values. A parameter draws from a stream of its own, keyed by
 * its place in the model, so that a layer added at the end leaves the others' values as they were.
 */
import type { Stream } from '../random/streams.ts';

/** Fills `values` (a parameter, row-major) from `stream`. */
export type Init = (values: Float32Array, stream: Stream) => void;

export const zeros: Init = (values) => void values.fill(0);
export const ones: Init = (values) => void values.fill(1);

/** Normal with the given mean and standard deviation. */
export function normal(mean = 0, std = 1): Init {
  return (values, stream) => {
    const draws = stream.normals(values.length);
    for (let i = 0; i < values.length; i++) values[i] = mean + std * (draws[i] as number);
  };
}

/** Uniform in [low, high). */
export function uniform(low: number, high: number): Init {
  return (values, stream) => {
    for (let i = 0; i < values.length; i++) values[i] = low + (high - low) * stream.uniform(i);
  };
}
