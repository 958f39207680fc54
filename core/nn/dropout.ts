/**
 * The dropout layer, and where its random numbers come from: not from a hidden generator but from the place in the run
 * that the caller names before a forward, so that a micro-batch drops the same elements whoever computes it.
 */
import { Site, Stream } from '../random/streams.ts';
import { dropout, type Tensor } from '../tensor/index.ts';
import { Module } from './module.ts';

/** The place in a run that decides what is dropped. */
export interface RandomContext {
  readonly seed: number;
  readonly step: number;
  readonly microBatch: number;
}

/** Zeroes elements with probability p in training, and scales the others by 1 / (1 − p); does nothing in evaluation. */
export class Dropout extends Module {
  readonly p: number;
  stream: Stream | null = null;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) throw new RangeError(`Dropout: p must be from 0 to 1, not ${p}`);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    if (this.stream === null)
      throw new Error('Dropout: call setRandomContext(model, { seed, step, microBatch }) before a training forward');
    return dropout(x, this.p, this.stream);
  }
}

/** Gives the k-th dropout layer of the model (in `namedModules` order) the stream at Site.dropout + k. */
export function setRandomContext(model: Module, { seed, step, microBatch }: RandomContext): void {
  let k = 0;
  for (const [, module] of model.namedModules())
    if (module instanceof Dropout) module.stream = new Stream(seed, Site.dropout + k++, step, microBatch);
}
