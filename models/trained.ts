/** A trained model, read back from a checkpoint alone: its recipe is in the metadata. For sampling and evaluation. */
import type { Backend } from '../core/backend/backend.ts';
import type { Checkpoint } from '../core/checkpoint/store.ts';
import { Characters } from '../core/data/characters.ts';
import { Vocabulary } from '../core/data/vocabulary.ts';
import { UserError } from '../core/errors.ts';
import { bufferLayout, flatten, type Module, parameterLayout, place } from '../core/nn/index.ts';
import { buildModel } from './model.ts';
import { dataKind, parseRecipe, type Recipe } from './recipe.ts';

export interface TrainedModel {
  readonly recipe: Recipe;
  readonly vocabulary: Characters;
  /** In evaluation mode, its parameters in place. */
  readonly model: Module;
  readonly backend: Backend;
}

/** @throws UserError if the checkpoint does not say, or does not hold, what it is of */
export function loadTrained(checkpoint: Checkpoint, backend: Backend): TrainedModel {
  const recipe = parseRecipe(parseJson(checkpoint.metadata.recipe), `the recipe in ${checkpoint.file}`);
  if (recipe.data.vocab === undefined)
    throw new UserError(
      `${checkpoint.file} does not say which characters it was trained on: give a checkpoint of a run.`,
    );
  const { vocab } = recipe.data;
  const vocabulary = dataKind(recipe) === 'text' ? new Characters(vocab) : new Vocabulary(vocab);
  const model = buildModel({ ...recipe.model, vocabSize: vocabulary.size });
  const { params, buffers } = place(model, backend);
  backend.write(params, flatten(parameterLayout(model), checkpoint));
  backend.write(buffers, flatten(bufferLayout(model), checkpoint));
  return { recipe, vocabulary, model: model.eval(), backend };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
