/** What the coordinator is measured on: a model of a million parameters and so many workers that answer at once. */
import type { ModelSpec } from '../../models/model.ts';

/** makemore's MLP, as wide as it takes; without batch norm, so that a result is a gradient and little else. */
export const MODEL: ModelSpec = {
  name: 'mlp',
  vocabSize: 27,
  blockSize: 8,
  embeddingDim: 32,
  hidden: 3500,
  stage: 'kaiming',
};

export const WORKERS = 64;
/** A micro-batch for each worker. */
export const MICRO_BATCHES = WORKERS;
/** Steps before those that count. */
export const WARM_UP = 10;
export const TOKEN = 'bench';

export type Contender = 'ours' | 'bare';

/** What a server prints when it is done. */
export interface Served {
  readonly parameters: number;
  readonly steps: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}
