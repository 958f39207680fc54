/**
 * What is measured, by name: a model and its sizes, a batch, an optimizer. The same six as PyTorch's script beside which we are
 * measured. Token ids are random, which changes neither the work nor its cost. Nothing here computes.
 */
import type { OptimizerConfig } from '../core/optim/optimizer.ts';
import { Site, Stream } from '../core/random/streams.ts';
import type { ModelSpec } from '../models/model.ts';

type GPTSpec = Extract<ModelSpec, { name: 'gpt' }>;

export const WORKLOAD_NAMES = ['mlp', 'wavenet', 'gpt-nano', 'gpt-micro', 'gpt-mini', 'gpt2-124m'] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export interface Workload {
  readonly name: WorkloadName;
  readonly model: ModelSpec;
  /** Examples a step. */
  readonly batch: number;
  /** Tokens an example: less than the longest context that the model could take, perhaps. */
  readonly block: number;
  /** Targets an example. */
  readonly targets: number;
  readonly optimizer: OptimizerConfig;
  readonly lr: number;
  readonly clipGradNorm: number | null;
}

type Recipe = Pick<Workload, 'optimizer' | 'lr' | 'clipGradNorm'>;

const SGD: Recipe = {
  optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  lr: 0.1,
  clipGradNorm: null,
};
const ADAMW: Recipe = {
  optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, decay: 'all' },
  lr: 3e-4,
  clipGradNorm: 1,
};

function names(name: WorkloadName, model: ModelSpec): Workload {
  return { name, model, batch: 32, block: model.blockSize, targets: 1, ...SGD };
}

function transformer(name: WorkloadName, batch: number, block: number, sizes: Omit<GPTSpec, 'name' | 'dropout'>) {
  return { name, model: { name: 'gpt', dropout: 0, ...sizes }, batch, block, targets: block, ...ADAMW } as const;
}

/** Characters of English text, as in the lectures. */
const CHARACTERS = 65;

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  mlp: names('mlp', { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 }),
  wavenet: names('wavenet', { name: 'wavenet', vocabSize: 27, blockSize: 8, embeddingDim: 24, hidden: 128 }),
  'gpt-nano': transformer('gpt-nano', 16, 32, {
    vocabSize: CHARACTERS,
    blockSize: 32,
    layers: 4,
    heads: 4,
    embeddingDim: 64,
  }),
  'gpt-micro': transformer('gpt-micro', 12, 64, {
    vocabSize: CHARACTERS,
    blockSize: 64,
    layers: 4,
    heads: 4,
    embeddingDim: 128,
  }),
  'gpt-mini': transformer('gpt-mini', 8, 256, {
    vocabSize: CHARACTERS,
    blockSize: 256,
    layers: 6,
    heads: 6,
    embeddingDim: 384,
  }),
  'gpt2-124m': transformer('gpt2-124m', 1, 256, {
    vocabSize: 50304,
    blockSize: 1024,
    layers: 12,
    heads: 12,
    embeddingDim: 768,
  }),
};

export function isWorkloadName(name: string): name is WorkloadName {
  return Object.hasOwn(workloads, name);
}

export interface Batch {
  /** [batch, block]. */
  readonly x: Uint16Array<ArrayBuffer>;
  /** [batch, targets]. */
  readonly y: Uint16Array<ArrayBuffer>;
}

/** The `index`-th batch of a workload. */
export function randomBatch({ model, batch, block, targets }: Workload, index: number): Batch {
  const draw = (count: number, what: number) => {
    const words = new Stream(1337, Site.sample, index, what).uint32s(count);
    return Uint16Array.from(words, (word) => word % model.vocabSize);
  };
  return { x: draw(batch * block, 0), y: draw(batch * targets, 1) };
}
