/** The lecture's `cmp`: a gradient made by hand next to the one that autograd found. Makes neither. */
import type { Matrix } from './matrix.ts';

export interface Comparison {
  readonly name: string;
  /** Every element has the same bits (but 0 and −0 are equal). */
  readonly exact: boolean;
  /**
   * |ours − autograd| ≤ 1e-7 + 1e-5 · |autograd| for every element. torch.allclose, which the lecture asks, has 1e-8 there:
   * its two sides are summed by the same code, ours are not, and f32 sums near 0.3 differ by 3e-8 in their last bit.
   */
  readonly approximate: boolean;
  /** The largest difference; NaN where an element is no number. */
  readonly maxdiff: number;
  /** The same as a line for the reader. */
  readonly line: string;
}

const ABSOLUTE = 1e-7;
const RELATIVE = 1e-5;

/** @throws RangeError where the two are not of one shape */
export function cmp(name: string, ours: Matrix, autograd: Matrix): Comparison {
  if (ours.rows !== autograd.rows || ours.cols !== autograd.cols)
    throw new RangeError(
      `${name}: a gradient of [${ours.rows}, ${ours.cols}] next to one of [${autograd.rows}, ${autograd.cols}]`,
    );
  let [exact, approximate, maxdiff] = [true, true, 0];
  for (const [i, wanted] of autograd.data.entries()) {
    const same = ours.data[i] === wanted;
    const difference = same ? 0 : Math.abs(ours.data[i] - wanted);
    if (!same) exact = false;
    // What is no finite number is near nothing.
    if (!(Number.isFinite(difference) && difference <= ABSOLUTE + RELATIVE * Math.abs(wanted))) approximate = false;
    maxdiff = Math.max(maxdiff, difference);
  }
  const told = maxdiff === 0 ? '0' : maxdiff.toExponential(1);
  const line = `${name.padEnd(12)} | exact: ${yes(exact)} | approximate: ${yes(approximate)} | largest difference: ${told}`;
  return { name, exact, approximate, maxdiff, line };
}

const yes = (holds: boolean): string => (holds ? 'yes' : 'no').padEnd(3);
