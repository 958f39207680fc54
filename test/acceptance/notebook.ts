/** Recipes as the lectures' notebooks have them, as arguments of `manygrad train`. */

/** Batches of 32, PyTorch's and Python's random numbers, the lecture's own batch norm. */
export const notebook = (model: string, unbiased = true): string[] => [
  model,
  ...['--set', 'random=notebook', '--set', 'batch=32', '--set', 'microBatch=32'],
  ...(unbiased ? ['--set', 'model.unbiased=true'] : []),
];

/** 200,000 steps at 0.1, then at 0.01 from `dropAt` on. */
export const fullLength = (dropAt: number): string[] => [
  ...['--steps', '200000', '--set', `schedule={name: step, lr: 0.1, milestones: [${dropAt}], gamma: 0.1}`],
];

/** The first steps, at the notebooks' first rate. */
export const firstSteps = (steps: number): string[] => [
  ...['--steps', `${steps}`, '--set', 'schedule={name: constant, lr: 0.1}'],
];

/** The generators' seeds: the notebooks' own, and two more for a band. */
export const SEED = 2_147_483_647;
export const SEEDS = [SEED, 1, 2] as const;
