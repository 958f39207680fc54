/**
 * A trained model: from a checkpoint, whose metadata hold the recipe, and the tokenizer beside it if it has one; or from a recipe
 * and the parameters of a run under way. For sampling and evaluation.
 */
import { dirname } from 'node:path';
import type { Backend } from '../core/backend/backend.ts';
import type { Checkpoint } from '../core/checkpoint/store.ts';
import { Vocabulary } from '../core/data/vocabulary.ts';
import { UserError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { bufferLayout, flatten, type Module, parameterLayout, place } from '../core/nn/index.ts';
import { CharacterTokenizer } from '../core/tokenizer/character.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { buildModel } from './model.ts';
import { dataKind, parseRecipe, type Recipe } from './recipe.ts';
import { tokenizerOfRun } from './tokenizers.ts';

export interface TrainedModel {
  readonly recipe: Recipe;
  /** Spells prompts, and reads what is drawn. */
  readonly tokenizer: Tokenizer;
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

/**
 * A custom model's code must have been loaded. The tokenizer of one that learned tokens is looked for beside the checkpoint.
 * @throws UserError if the checkpoint does not say, or hold, what it is of, or its tokenizer is missing or another
 */
export async function loadTrained(checkpoint: Checkpoint, backend: Backend): Promise<TrainedModel> {
  const recipe = recipeOf(checkpoint);
  const tokenizer = await tokenizerOf(recipe, checkpoint);
  return assemble(recipe, tokenizer, backend, (model) => valuesOf(model, checkpoint));
}

/** What the model of a checkpoint spells its data by. @throws UserError if its recipe does not say, or that is missing or another */
export async function tokenizerOf(recipe: Recipe, { file }: Pick<Checkpoint, 'file'>): Promise<Tokenizer> {
  const tokenizer = (await tokenizerOfRun(dirname(file), recipe)) ?? characterTokenizer(recipe);
  if (tokenizer !== null) return tokenizer;
  throw new UserError(`${file} does not say which characters it was trained on: give a checkpoint of a run.`);
}

/** That of the characters in data.vocab; null where the recipe has none. */
export function characterTokenizer(recipe: Recipe): CharacterTokenizer | null {
  const { vocab } = recipe.data;
  if (vocab === undefined) return null;
  return dataKind(recipe) === 'text' ? new CharacterTokenizer(vocab) : new Vocabulary(vocab);
}

/** The values of a model in a checkpoint of it. @throws UserError if it is of another model */
export function valuesOf(model: Module, checkpoint: Checkpoint): Values {
  return {
    params: flatten(parameterLayout(model), checkpoint),
    buffers: flatten(bufferLayout(model), checkpoint),
  };
}

/**
 * The model of a run's recipe, with copies of the values.
 * @param kept the run's tokenizer, where its data is not spelled in characters that the recipe has
 */
export function trainedModel(recipe: Recipe, values: Values, backend: Backend, kept?: Tokenizer): TrainedModel {
  const tokenizer = kept ?? characterTokenizer(recipe);
  if (tokenizer === null) throw new Error('the recipe has no vocabulary');
  return assemble(recipe, tokenizer, backend, () => values);
}

function assemble(recipe: Recipe, tokenizer: Tokenizer, backend: Backend, valuesOf: (m: Module) => Values) {
  const model = buildModel({ ...recipe.model, vocabSize: tokenizer.vocabSize });
  const { params, buffers } = place(model, backend);
  const values = valuesOf(model);
  backend.write(params, values.params);
  backend.write(buffers, values.buffers);
  return { recipe, tokenizer, model: model.eval(), backend };
}
