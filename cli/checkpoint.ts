/** What a command is pointed at: the folder of a run, which stands for its last whole checkpoint, or one checkpoint. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, hasCheckpoint, latestCheckpoint, readCheckpoint } from '../core/checkpoint/store.ts';
import { UserError } from '../core/errors.ts';
import { loadModel } from '../models/loadCode.ts';
import type { Recipe } from '../models/recipe.ts';
import { recipeOf } from '../models/trained.ts';
import { checkCode } from './trust.ts';

/** Reads it, and makes its recipe's model ready to be built. @throws UserError */
export async function openCheckpoint(
  from: string,
  trustCode: boolean,
): Promise<{ readonly checkpoint: Checkpoint; readonly recipe: Recipe }> {
  const found = statSync(from, { throwIfNoEntry: false });
  if (found === undefined) throw new UserError(`${from} does not exist: give the folder of a run, or a checkpoint.`);
  const isFolder = found.isDirectory();
  if (isFolder && !(await hasCheckpoint(from))) throw new UserError(noCheckpoint(from));
  const checkpoint = isFolder ? await latestCheckpoint(from) : await readCheckpoint(from);
  const recipe = recipeOf(checkpoint);
  checkCode(recipe, from, trustCode);
  await loadModel(recipe.model);
  return { checkpoint, recipe };
}

function noCheckpoint(dir: string): string {
  return existsSync(join(dir, 'config.json'))
    ? `${dir} has no checkpoint yet: wait until its run writes one (see --checkpoint-every), or continue it with --resume.`
    : `${dir} has no checkpoint: give the folder of a run, or a checkpoint.`;
}
