/** Draws from discrete distributions, their random numbers named by a stream or a place in the run. */
import { Stream } from '../../random/streams.ts';
import { show } from '../shape.ts';
import { intOutput, type Tensor } from '../tensor.ts';
import type { RandomSource } from './dropout.ts';

/**
 * `numSamples` classes drawn with replacement from each row of probabilities [rows, classes] or [classes], as
 * torch.multinomial(replacement=True): i32 [rows, numSamples] or [numSamples]. Rows need not add up to 1. Draw s of row r takes
 * word r · numSamples + s; a class of probability 0 is never drawn.
 * @param source a stream, whose words a captured step takes again at each replay; or a place, which may move between replays
 * @throws RangeError if an element is negative or NaN, or a row's sum is 0 or Infinity
 */
export function multinomial(probabilities: Tensor, numSamples: number, source: Stream | RandomSource): Tensor {
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
  if (source instanceof Stream) {
    const { key0, key1, step, microBatch, site } = source.words;
    const place = backend.alloc(4);
    backend.writeInts(place, Uint32Array.of(key0, key1, step, microBatch));
    backend.multinomial(indices, probabilities.buf, classes, place, site);
  } else backend.multinomial(indices, probabilities.buf, classes, source.place.buf, source.site);
  return intOutput(backend, indices, [...lead, numSamples]);
}
