/** Optimizers on the flat parameter vector: SGD and AdamW by torch.optim's names, defaults and arithmetic. */
import * as z from 'zod';
import type { Backend, Buf } from '../backend/backend.ts';
import type { Layout } from '../nn/flat.ts';

export const optimizerSchema = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('sgd'),
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
    weightDecay: z.number().nonnegative().default(0),
  }),
  z.strictObject({
    name: z.literal('adamw'),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    eps: z.number().positive().default(1e-8),
    weightDecay: z.number().nonnegative().default(0.01),
    /** Which tensors decay: all of them (torch's default), or those of two or more dimensions (GPT-2's recipe). */
    decay: z.enum(['all', 'matrices']).default('all'),
  }),
]);

export type OptimizerConfig = z.infer<typeof optimizerSchema>;

/** A flat vector of optimizer state, as long as the parameters, named as torch.optim names it. */
export interface Moment {
  readonly name: string;
  readonly buf: Buf;
}

export interface Optimizer {
  /** What a checkpoint must hold besides the parameters and the step. */
  readonly moments: readonly Moment[];
  /** Updates params in place from grads. `t` counts from 1. */
  step(params: Buf, grads: Buf, lr: number, t: number): void;
}

/** A part of a flat vector, in elements. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/**
 * An optimizer with zeroed moments for parameters that lie as `layout` says.
 * @param trained the parts that it updates, ascending; the others stay as they are, bit for bit. All by default
 */
export function createOptimizer(
  config: OptimizerConfig,
  layout: Layout,
  backend: Backend,
  trained: readonly Range[] = [{ offset: 0, length: layout.length }],
): Optimizer {
  switch (config.name) {
    case 'sgd':
      return sgd(config, layout, backend, trained);
    case 'adamw':
      return adamw(config, layout, backend, trained);
    default:
      return config satisfies never;
  }
}

function zeroed(name: string, layout: Layout, backend: Backend): Moment {
  const buf = backend.alloc(layout.length);
  backend.fill(buf, 0);
  return { name, buf };
}

function sgd(
  config: Extract<OptimizerConfig, { name: 'sgd' }>,
  layout: Layout,
  backend: Backend,
  trained: readonly Range[],
): Optimizer {
  const { momentum, nesterov, weightDecay } = config;
  const buffer = momentum > 0 ? zeroed('momentum_buffer', layout, backend) : null;
  return {
    moments: buffer === null ? [] : [buffer],
    step: (params, grads, lr, t) => {
      for (const { offset, length } of trained)
        backend.sgd(
          params.slice(offset, length),
          grads.slice(offset, length),
          buffer?.buf.slice(offset, length) ?? null,
          { lr, momentum, weightDecay, nesterov, first: t === 1 },
        );
    },
  };
}

function adamw(
  config: Extract<OptimizerConfig, { name: 'adamw' }>,
  layout: Layout,
  backend: Backend,
  trained: readonly Range[],
): Optimizer {
  const { beta1, beta2, eps, weightDecay, decay } = config;
  const expAvg = zeroed('exp_avg', layout, backend);
  const expAvgSq = zeroed('exp_avg_sq', layout, backend);
  const runs = decayRuns(layout, (rank) => decay === 'all' || rank >= 2).flatMap((run) =>
    common(run, trained).map((part) => ({ ...part, decays: run.decays })),
  );
  return {
    moments: [expAvg, expAvgSq],
    step: (params, grads, lr, t) => {
      const biasCorrection1 = 1 - beta1 ** t;
      const biasCorrection2 = 1 - beta2 ** t;
      for (const { offset, length, decays } of runs)
        backend.adamw(
          params.slice(offset, length),
          grads.slice(offset, length),
          expAvg.buf.slice(offset, length),
          expAvgSq.buf.slice(offset, length),
          { lr, beta1, beta2, eps, weightDecay: decays ? weightDecay : 0, biasCorrection1, biasCorrection2 },
        );
    },
  };
}

/** The layout as runs of neighbouring tensors that all decay or all do not. */
function decayRuns(layout: Layout, decaysAt: (rank: number) => boolean) {
  const runs: { offset: number; length: number; decays: boolean }[] = [];
  for (const { shape, offset, length } of layout.entries) {
    const decays = decaysAt(shape.length);
    const last = runs.at(-1);
    if (last?.decays === decays) last.length += length;
    else runs.push({ offset, length, decays });
  }
  return runs;
}

/** What of some parts lies in another. */
function common({ offset, length }: Range, parts: readonly Range[]): Range[] {
  return parts.flatMap((part) => {
    const begin = Math.max(offset, part.offset);
    const end = Math.min(offset + length, part.offset + part.length);
    return begin < end ? [{ offset: begin, length: end - begin }] : [];
  });
}
