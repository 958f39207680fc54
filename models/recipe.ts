/**
 * A recipe: everything a trajectory depends on besides the bytes of the data. Same recipe, same data, same bits.
 *
 * How a run is carried out (threads, network, checkpoints) is not in it: see coordinator/options.ts.
 */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { optimizerSchema } from '../core/optim/optimizer.ts';
import { scheduleSchema } from '../core/optim/schedule.ts';
import { modelChoiceSchema } from './model.ts';

export const recipeSchema = z.strictObject({
  model: modelChoiceSchema,
  data: z.strictObject({
    /** The built-in `names`, or the path of a text file with one example a line. */
    source: z.string().min(1),
    /** The characters there are; those of the data when left out. */
    vocab: z.string().min(1).optional(),
  }),
  seed: z.int(),
  steps: z.int().positive(),
  /** Examples a step. */
  batch: z.int().positive(),
  /** Examples a micro-batch: the unit of work, and of batch norm. */
  microBatch: z.int().positive(),
  optimizer: optimizerSchema,
  schedule: scheduleSchema,
  /** The largest global gradient norm, or null for no clipping. */
  clipGradNorm: z.number().positive().nullable().default(null),
});

export type Recipe = z.infer<typeof recipeSchema>;

/** Checks a recipe that a person wrote. @param from what to call it. @throws UserError naming the first wrong field. */
export function parseRecipe(value: unknown, from: string): Recipe {
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new UserError(
    `${from} is no valid recipe (${where}${issue?.message ?? 'unknown'}): see docs/config.md for the fields.`,
  );
}
