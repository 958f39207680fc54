// Which examples a step trains on. A function of (seed, step): there is no
// cursor and no epoch, so a resumed run draws what it would have drawn.

import { Site, Stream } from '../random/streams.ts';
import type { TorchGenerator } from '../random/torch.ts';
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

/** Which examples each step trains on: u32[batch] of [0, n). A function of the step, asked for in any order. */
export type Sampler = (step: number, n: number) => Uint32Array<ArrayBuffer>;

/**
 * Batches as the lectures' notebooks draw them: step after step torch.randint from one generator. It remembers where it
 * stands, and starts again where an earlier step is asked for: each draw takes one word.
 *
 * @param begin the generator as it stands before step 0
 */
export function notebookSampler(batch: number, begin: () => TorchGenerator): Sampler {
  let at: { step: number; generator: TorchGenerator } | null = null;
  return (step, n) => {
    if (at === null || at.step > step) at = { step: 0, generator: begin() };
    at.generator.skip((step - at.step) * batch);
    at.step = step + 1;
    return Uint32Array.from(at.generator.randint(0, n, batch));
  };
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
