/**
 * Initialisers: how a parameter's first values are drawn. By torch.nn.init's names.
 *
 * The coordinator alone runs them, once; workers are sent the values. A parameter draws from a stream of its own, keyed by
 * its place in the model, so that a layer added at the end leaves the others' values as they were (but see notebook.ts).
 */
/** Where an initialiser's numbers come from: a parameter's own stream (streams.ts), or a generator that all share (torch.ts). */
export interface Draws {
  /** Standard normal deviates. */
  normals(count: number): Float32Array;
  /** Uniform in [0, 1). */
  uniforms(count: number): Float32Array;
}

/** Fills `values` (a parameter, row-major) with what it makes of draws. */
export type Init = (values: Float32Array, draws: Draws) => void;

export const zeros: Init = (values) => void values.fill(0);
export const ones: Init = (values) => void values.fill(1);

/** Every element the same. */
export const constant =
  (value: number): Init =>
  (values) =>
    void values.fill(value);

/** Normal with the given mean and standard deviation. */
export function normal(mean = 0, std = 1): Init {
  return (values, draws) => {
    const normals = draws.normals(values.length);
    for (let i = 0; i < values.length; i++) values[i] = mean + std * (normals[i] as number);
  };
}

/** Uniform in [low, high). */
export function uniform(low: number, high: number): Init {
  return (values, draws) => {
    const uniforms = draws.uniforms(values.length);
    for (let i = 0; i < values.length; i++) values[i] = low + (high - low) * (uniforms[i] as number);
  };
}
