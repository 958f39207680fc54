/**
 * A recipe: everything a trajectory depends on besides the bytes of the data. Same recipe, same data, same bits.
 *
 * How a run is carried out (threads, network, checkpoints) is not in it: see coordinator/options.ts.
 */
import * as z from 'zod';
import type { DataKind } from '../core/data/dataset.ts';
import { UserError } from '../core/errors.ts';
import { optimizerSchema } from '../core/optim/optimizer.ts';
import { scheduleSchema } from '../core/optim/schedule.ts';
import { learnsFrom, modelChoiceSchema, titleOf } from './model.ts';

const fieldsSchema = z.strictObject({
  model: modelChoiceSchema,
  data: z.strictObject({
    /** What the text is taken for; what the model learns from when left out, which it must be. */
    kind: z.enum(['lines', 'text']).optional(),
    /** The built-in `names`, or the path of a text file; left empty where it is to be given with --data. */
    source: z.string().default(''),
    /** The characters there are; those of the data when left out. */
    vocab: z.string().min(1).optional(),
    /** Spells text in tokens instead: a published name, or the path of a tokenizer's file. */
    tokenizer: z.string().min(1).optional(),
    /** The tokenizer's hash. Filled in when a run begins; shards bring theirs without a `tokenizer`. */
    tokenizerSha256: z.hex().length(64).optional(),
  }),
  seed: z.int(),
  /**
   * How initial values, batches and the split are drawn: `counter`, each a function of its place (core/random/streams.ts);
   * `notebook`, as the lectures' notebooks do, with PyTorch's generator and Python's.
   */
  random: z.enum(['counter', 'notebook']).default('counter'),
  steps: z.int().positive(),
  /** Examples a step. */
  batch: z.int().positive(),
  /** Examples a micro-batch: the unit of work, and of batch norm. */
  microBatch: z.int().positive(),
  optimizer: optimizerSchema,
  schedule: scheduleSchema,
  /** The largest global gradient norm, or null for no clipping. */
  clipGradNorm: z.number().positive().nullable().default(null),
  /** Train nothing but the parameters of the tokens from this id on: what is new in a model whose vocabulary grew. */
  trainTokensFrom: z.int().positive().optional(),
});

export const recipeSchema = fieldsSchema.superRefine(({ model, data, random }, context) => {
  const kind = learnsFrom(model);
  if (random === 'notebook' && kind !== 'lines')
    context.addIssue({
      code: 'custom',
      path: ['random'],
      message: `notebook is for models of lines, and ${titleOf(model)} learns from ${kind}; leave it out`,
    });
  if (data.tokenizer !== undefined && kind !== 'text')
    context.addIssue({
      code: 'custom',
      path: ['data', 'tokenizer'],
      message: `${titleOf(model)} learns from ${kind}, which are spelled in characters; leave it out or choose another model`,
    });
  if (data.tokenizer !== undefined && data.vocab !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['data', 'tokenizer'],
      message: 'text is spelled by a tokenizer or in the characters of data.vocab; leave one of them out',
    });
  if (data.kind !== undefined && data.kind !== kind)
    context.addIssue({
      code: 'custom',
      path: ['data', 'kind'],
      message: `${titleOf(model)} learns from ${kind}, not from ${data.kind}; leave it out or choose another model`,
    });
});

export type Recipe = z.infer<typeof recipeSchema>;

/** What a recipe's data is taken for. */
export const dataKind = ({ model }: Recipe): DataKind => learnsFrom(model);

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
