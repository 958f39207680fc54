/** What a command is pointed at: the folder of a run, which stands for its last whole checkpoint, or one checkpoint. */
import { statSync } from 'node:fs';
import { type Checkpoint, latestCheckpoint, readCheckpoint } from '../core/checkpoint/store.ts';
import { loadModel } from '../models/loadCode.ts';
import type { Recipe } from '../models/recipe.ts';
import { recipeOf } from '../models/trained.ts';
import { checkCode } from './trust.ts';

/** Reads it, and makes its recipe's model ready to be built. @throws UserError */
export async function openCheckpoint(
  from: string,
  trustCode: boolean,
): Promise<{ readonly checkpoint: Checkpoint; readonly recipe: Recipe }> {
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const checkpoint = isFolder ? await latestCheckpoint(from) : await readCheckpoint(from);
  const recipe = recipeOf(checkpoint);
  checkCode(recipe, from, trustCode);
  await loadModel(recipe.model);
  return { checkpoint, recipe };
}
