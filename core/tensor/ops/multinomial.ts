/** Draws from discrete distributions, their random numbers named by a stream. */
import type { Stream } from '../../random/streams.ts';
import { show } from '../shape.ts';
import { intOutput, type Tensor } from '../tensor.ts';

/**
 * `numSamples` classes drawn with replacement from each row of probabilities [rows, classes] or [classes], as
 * torch.multinomial(replacement=True): i32 [rows, numSamples] or [numSamples]. Rows need not add up to 1. Draw s of row r takes
 * word r · numSamples + s of the stream; a class of probability 0 is never drawn.
 * @throws RangeError if an element is negative or NaN, or a row's sum is 0 or Infinity
 */
export function multinomial(probabilities: Tensor, numSamples: number, stream: Stream): Tensor {
  const { backend, shape } = probabilities;
  const classes = shape.at(-1);
  if (classes === undefined || shape.length > 2 || probabilities.dtype !== 'f32')
    throw new Error(
      `multinomial: the probabilities are ${probabilities.dtype} ${show(shape)}; expected f32 [rows, classes] or [classes]`,
    );
  if (!(Number.isInteger(numSamples) && numSamples >= 0))
    throw new RangeError(`multinomial: numSamples must be a whole number of 0 or more, not ${numSamples}`);
  const lead = shape.slice(0, -1);
  const rows = lead[0] ?? 1;
  const indices = backend.alloc(rows * numSamples);
  backend.multinomial(indices, probabilities.buf, classes, stream);
  return intOutput(backend, indices, [...lead, numSamples]);
}
