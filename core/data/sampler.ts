// Which examples a step trains on. A function of (seed, step): there is no
// cursor and no epoch, so a resumed run draws what it would have drawn.

import { Site, Stream } from '../random/streams.ts';
import type { Examples } from './contexts.ts';

/**
 * The examples of a step's global batch: u32[batch], each drawn uniformly from [0, n) with replacement, as the lectures'
 * `torch.randint(0, n, (batch,))`. Place i is a function of (seed, step, i) alone.
 *
 * @throws RangeError where n is not from 1 to 2^32 - 1
 */
export function batchIndices(seed: number, step: number, batch: number, n: number): Uint32Array<ArrayBuffer> {
  const stream = new Stream(seed, Site.batch, step);
  const indices = new Uint32Array(batch);
  for (let i = 0; i < batch; i++) indices[i] = stream.integerBelow(i, n);
  return indices;
}

/**
 * Copies out the examples at places lo, ..., hi - 1 of a batch: x is u16[hi - lo, blockSize], y is u16[hi - lo].
 *
 * @throws RangeError where a place is not in the batch or an index not in the examples
 */
export function gather(
  examples: Examples,
  indices: Uint32Array,
  lo: number,
  hi: number,
): { x: Uint16Array<ArrayBuffer>; y: Uint16Array<ArrayBuffer> } {
  if (lo < 0 || hi < lo || hi > indices.length) {
    throw new RangeError(`places ${lo} to ${hi} are not in a batch of ${indices.length}`);
  }
  const { blockSize } = examples;
  const x = new Uint16Array((hi - lo) * blockSize);
  const y = new Uint16Array(hi - lo);
  for (const [place, index] of indices.subarray(lo, hi).entries()) {
    const target = examples.y[index];
    if (target === undefined) throw new RangeError(`example ${index} is not among ${examples.count}`);
    x.set(examples.x.subarray(index * blockSize, (index + 1) * blockSize), place * blockSize);
    y[place] = target;
  }
  return { x, y };
}
