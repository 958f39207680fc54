/**
 * The dropout layer, and where its random numbers come from: not from a hidden generator but from the place in the run
 * that the caller names before a forward, so that a micro-batch drops the same elements whoever computes it.
 */
import type { Backend } from '../backend/backend.ts';
import { Site, Stream } from '../random/streams.ts';
import { dropout, intTensor, type RandomSource, type Tensor } from '../tensor/index.ts';
import { Module } from './module.ts';

/** Zeroes elements with probability p in training, and scales the others by 1 / (1 − p); does nothing in evaluation. */
export class Dropout extends Module {
  readonly p: number;
  source: RandomSource | null = null;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) throw new RangeError(`Dropout: p must be from 0 to 1, not ${p}`);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    if (this.source === null)
      throw new Error('Dropout: make a RandomPlace of the model, and set it, before a training forward');
    return dropout(x, this.p, this.source);
  }
}

/**
 * The place in a run that decides what a model's dropout layers drop; the k-th of them (in `namedModules` order) draws at
 * Site.dropout + k. It lies in the backend's memory, so that a captured step sees each new one.
 */
export class RandomPlace {
  readonly #backend: Backend;
  readonly #place: Tensor;

  constructor(model: Module, backend: Backend) {
    this.#backend = backend;
    this.#place = intTensor(backend, new Int32Array(4), [4]);
    let site: number = Site.dropout;
    for (const [, module] of model.namedModules())
      if (module instanceof Dropout) module.source = { place: this.#place, site: site++ };
  }

  set({ seed, step, microBatch }: { seed: number; step: number; microBatch: number }): void {
    const { words } = new Stream(seed, Site.dropout, step, microBatch);
    this.#backend.writeInts(this.#place.buf, Uint32Array.of(words.key0, words.key1, words.step, words.microBatch));
  }
}
