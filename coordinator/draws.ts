/** What a run draws at random on its coordinator: first values, and the batch of each step. Dropout is the workers'. */
import { batchIndices, notebookSampler, type Sampler } from '../core/data/sampler.ts';
import { type FirstValues, initialise, initialiseAsNotebook, type Module } from '../core/nn/index.ts';
import { TorchGenerator } from '../core/random/torch.ts';
import type { Recipe } from '../models/recipe.ts';

export function firstValues({ random, seed }: Recipe, model: Module): FirstValues {
  switch (random) {
    case 'counter':
      return initialise(model, seed);
    case 'notebook':
      return initialiseAsNotebook(model, new TorchGenerator(seed));
    default:
      return random satisfies never;
  }
}

/** Batches that are a function of (seed, step) alone. */
export const counterSampler =
  ({ seed, batch }: Pick<Recipe, 'seed' | 'batch'>): Sampler =>
  (step, n) =>
    batchIndices(seed, step, batch, n);

/** @param model of the recipe: in a notebook the generator that drew its first values goes on to draw the batches */
export function samplerOf(recipe: Recipe, model: Module): Sampler {
  const { random, seed, batch } = recipe;
  switch (random) {
    case 'counter':
      return counterSampler(recipe);
    case 'notebook':
      return notebookSampler(batch, () => {
        const generator = new TorchGenerator(seed);
        initialiseAsNotebook(model, generator);
        return generator;
      });
    default:
      return random satisfies never;
  }
}
