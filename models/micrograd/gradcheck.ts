/** Gradients checked against the definition of the derivative: bump an input, see how the output answers. Trains nothing. */
import { Value } from './value.ts';

/**
 * The gradient of any function of numbers by central differences, (f(x + h) − f(x − h)) / 2h for one input at a time.
 * Its error falls as h² until rounding, which grows as 1/h, takes over; the default is near where they meet.
 */
export function numericGradient(f: (x: readonly number[]) => number, at: readonly number[], h = 1e-5): number[] {
  return at.map((x, i) => (f(at.with(i, x + h)) - f(at.with(i, x - h))) / (2 * h));
}

/** The gradient of the same function, written with values, by backpropagation. */
export function analyticGradient(f: (x: readonly Value[]) => Value, at: readonly number[]): number[] {
  const inputs = at.map((x) => new Value(x));
  f(inputs).backward();
  return inputs.map(({ grad }) => grad);
}

/**
 * The largest difference between the two gradients of f, relative to the larger of them where that is above 1.
 * Not to be trusted where f has a corner nearer than h (relu at 0).
 */
export function gradcheck(f: (x: readonly Value[]) => Value, at: readonly number[], h = 1e-5): number {
  const numeric = numericGradient((x) => f(x.map((value) => new Value(value))).data, at, h);
  const analytic = analyticGradient(f, at);
  const differences = analytic.map((a, i) => {
    const n = numeric[i] ?? Number.NaN;
    return Math.abs(a - n) / Math.max(1, Math.abs(a), Math.abs(n));
  });
  // Math.max gives NaN if one is, which a caller's "below" then fails on, as it should.
  return Math.max(0, ...differences);
}
