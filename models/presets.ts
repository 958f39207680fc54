/** The presets: recipes by name, as functions of the number of steps (a schedule's milestones depend on it). */
import { UserError } from '../core/errors.ts';
import type { Recipe } from './recipe.ts';

interface Preset {
  readonly steps: number;
  readonly recipe: (steps: number) => Recipe;
}

const dropAt = (lr: number, steps: number): Recipe['schedule'] => ({
  name: 'step',
  lr,
  milestones: [Math.floor(steps * 0.75)],
  gamma: 0.1,
});

const presets: Record<string, Preset> = {
  /** makemore part 1: the table of which character follows which, learned. */
  'names-bigram': {
    steps: 1000,
    recipe: (steps) => ({
      model: { name: 'bigram', blockSize: 1 },
      data: { source: 'names' },
      seed: 1337,
      random: 'counter',
      steps,
      batch: 4096,
      microBatch: 512,
      optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
      // The lecture's rate: high, since a row of the table has few examples in a batch and each its part of the gradient.
      schedule: dropAt(50, steps),
      clipGradNorm: null,
    }),
  },
  /** makemore part 3: 3 characters of context. */
  'names-mlp': {
    steps: 20_000,
    recipe: (steps) => ({
      model: { name: 'mlp', blockSize: 3, embeddingDim: 10, hidden: 200 },
      data: { source: 'names' },
      seed: 1337,
      random: 'counter',
      steps,
      batch: 64,
      microBatch: 32,
      optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
      schedule: dropAt(0.1, steps),
      clipGradNorm: null,
    }),
  },
  /** makemore part 5: 8 characters of context, three levels. */
  'names-wavenet': {
    steps: 12_000,
    recipe: (steps) => ({
      model: { name: 'wavenet', blockSize: 8, embeddingDim: 24, hidden: 128 },
      data: { source: 'names' },
      seed: 1337,
      random: 'counter',
      steps,
      batch: 256,
      microBatch: 32,
      optimizer: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
      // Three times the lecture's rate for eight times its batch.
      schedule: dropAt(0.3, steps),
      clipGradNorm: null,
    }),
  },
  /** The small transformer of "Let's build GPT": 32 characters of context. */
  'text-gpt': {
    steps: 5000,
    recipe: (steps) => ({
      model: { name: 'gpt', blockSize: 32, layers: 4, heads: 4, embeddingDim: 64, dropout: 0 },
      data: { kind: 'text', source: 'sonnets' },
      seed: 1337,
      random: 'counter',
      steps,
      batch: 16,
      microBatch: 8,
      // PyTorch's defaults, as in the lecture.
      optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, decay: 'all' },
      schedule: { name: 'constant', lr: 1e-3 },
      clipGradNorm: null,
    }),
  },
};

export const presetNames: readonly string[] = Object.keys(presets);

/** The recipe of a preset, for its own number of steps unless given. @throws UserError naming the presets there are. */
export function presetRecipe(name: string, steps?: number): Recipe {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined)
    throw new UserError(
      `there is no preset or config file "${name}": use one of ${presetNames.join(', ')}, or the path of a .yaml file.`,
    );
  return preset.recipe(steps ?? preset.steps);
}
