/**
 * A trained model: from a checkpoint alone, whose metadata hold the recipe, or from a recipe and the parameters of a run under
 * way. For sampling and evaluation.
 */
import type { Backend } from '../core/backend/backend.ts';
import type { Checkpoint } from '../core/checkpoint/store.ts';
import { Characters } from '../core/data/characters.ts';
import { Vocabulary } from '../core/data/vocabulary.ts';
import { UserError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
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

/** Flat vectors, as a run has them: parameters (trained) and buffers (running statistics). */
export interface Values {
  readonly params: Float32Array;
  readonly buffers: Float32Array;
}

/** The recipe in a checkpoint's metadata. @throws UserError if there is none */
export function recipeOf({ metadata, file }: Checkpoint): Recipe {
  return parseRecipe(parseJson(metadata.recipe ?? ''), `the recipe in ${file}`);
}

/** A custom model's code must have been loaded. @throws UserError if the checkpoint does not say, or hold, what it is of */
export function loadTrained(checkpoint: Checkpoint, backend: Backend): TrainedModel {
  const recipe = recipeOf(checkpoint);
  return assemble(recipe, vocabOf(recipe, checkpoint), backend, (model) => valuesOf(model, checkpoint));
}

/** The characters that the model of a checkpoint knows. @throws UserError if its recipe does not say */
export function vocabOf({ data }: Recipe, { file }: Pick<Checkpoint, 'file'>): string {
  if (data.vocab !== undefined) return data.vocab;
  throw new UserError(`${file} does not say which characters it was trained on: give a checkpoint of a run.`);
}

/** The values of a model in a checkpoint of it. @throws UserError if it is of another model */
export function valuesOf(model: Module, checkpoint: Checkpoint): Values {
  return {
    params: flatten(parameterLayout(model), checkpoint),
    buffers: flatten(bufferLayout(model), checkpoint),
  };
}

/** The model of a run's recipe, with copies of the values. Throws if the recipe does not say which characters there are. */
export function trainedModel(recipe: Recipe, values: Values, backend: Backend): TrainedModel {
  if (recipe.data.vocab === undefined) throw new Error('the recipe has no vocabulary');
  return assemble(recipe, recipe.data.vocab, backend, () => values);
}

function assemble(recipe: Recipe, vocab: string, backend: Backend, valuesOf: (m: Module) => Values): TrainedModel {
  const vocabulary = dataKind(recipe) === 'text' ? new Characters(vocab) : new Vocabulary(vocab);
  const model = buildModel({ ...recipe.model, vocabSize: vocabulary.size });
  const { params, buffers } = place(model, backend);
  const values = valuesOf(model);
  backend.write(params, values.params);
  backend.write(buffers, values.buffers);
  return { recipe, vocabulary, model: model.eval(), backend };
}
