/** Code that comes with data: a run's folder or a checkpoint may hold a model of somebody's own, which is run only if told so. */
import { UserError } from '../core/errors.ts';
import { isRegistered } from '../models/custom.ts';
import type { Recipe } from '../models/recipe.ts';

/** @param from what holds the recipe. @throws UserError if it brings code that is not to be run */
export function checkCode({ model }: Recipe, from: string, trusted: boolean): void {
  if (model.name !== 'custom' || trusted || isRegistered(model.code)) return;
  throw new UserError(
    `${from} brings the code of a model, ${model.title}: add --trust-code to run it, if you know where it comes from.`,
  );
}

/** What a command that reads such a run must be given too, as a person is told of it. */
export const trustFlag = ({ model }: Recipe): string => (model.name === 'custom' ? ' --trust-code' : '');
