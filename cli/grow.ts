/**
 * `manygrad grow`: a new run from a trained model with more tokens in its vocabulary: characters, or those of a larger tokenizer. The
 * new run's folder holds a checkpoint to go on from, or to sample from; the old one is left as it is.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadData, prepareData } from '../coordinator/data.ts';
import { CONFIG, type RunConfig, writeConfig } from '../coordinator/runConfig.ts';
import { writeCheckpoint } from '../core/checkpoint/store.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { hashOf } from '../core/tokenizer/description.ts';
import { firstDifference } from '../core/tokenizer/extends.ts';
import { keepTokenizer } from '../core/tokenizer/kept.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { growTensors } from '../models/grow.ts';
import type { Recipe } from '../models/recipe.ts';
import { characterTokenizer, tokenizerOf } from '../models/trained.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { OutputMode } from './output.ts';
import { trustFlag } from './trust.ts';

export interface GrowArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  /** To be added to the vocabulary of a model of characters, after those there are. */
  readonly characters: string | undefined;
  /** Of a model of a tokenizer's tokens: a larger one, by its name or path. */
  readonly tokenizer: string | undefined;
  /** The folder of the new run. */
  readonly out: string;
  /** The new run's data; the old one's where it is left out. */
  readonly data: string | undefined;
  /** Whether the new run trains nothing but what is new. */
  readonly freeze: boolean;
  /** What the new parameters are drawn from. */
  readonly seed: number;
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** @throws UserError */
export async function grow({
  from,
  characters,
  tokenizer,
  out,
  data,
  freeze,
  seed,
  trustCode,
  mode,
}: GrowArguments): Promise<void> {
  if (existsSync(join(out, CONFIG)))
    throw new UserError(`${out} already holds a run: choose another folder with --out.`);
  const { checkpoint, recipe } = await openCheckpoint(from, trustCode);
  const old = await tokenizerOf(recipe, checkpoint);
  const larger =
    recipe.data.vocab === undefined ? await moreTokens(old, tokenizer) : moreCharacters(recipe, characters);
  const [before, after] = [old.vocabSize, larger.tokenizer.vocabSize];
  const tensors = growTensors(checkpoint, { ...recipe.model, vocabSize: before }, after, seed);
  const { trainTokensFrom: _, ...rest } = recipe;
  const grown: Recipe = {
    ...rest,
    data: { ...recipe.data, ...larger.spelling, ...(data === undefined ? {} : { source: data }) },
    ...(freeze ? { trainTokensFrom: before } : {}),
  };
  const dataSha256 = data === undefined ? (checkpoint.metadata.dataSha256 ?? '') : await hashOfData(grown, larger);
  const config: RunConfig = { format: 'manygrad-run-1', recipe: grown, dataSha256 };
  const metadata = { format: 'manygrad', recipe: JSON.stringify(grown), dataSha256 };
  const file = await writeCheckpoint(out, checkpoint.step, tensors, metadata);
  if (larger.kept !== null) await keepTokenizer(out, larger.kept, nodeDisk);
  // Last, since it says that there is a run: one without its checkpoint would begin anew.
  await writeConfig(out, config, nodeDisk);
  if (mode === 'json')
    console.log(JSON.stringify({ event: 'grown', from: checkpoint.file, file, before, after, seed, freeze }));
  if (mode === 'person') {
    console.log(
      `${file} knows ${after} tokens, ${after - before} of them new${freeze ? ', and only those will be trained' : ''}.`,
    );
    console.log(
      `To train it on: manygrad train --resume ${out} --steps ${checkpoint.step + recipe.steps}${trustFlag(recipe)}`,
    );
  }
}

/** What the new run's data is spelled by. */
interface Larger {
  readonly tokenizer: Tokenizer;
  /** Of the recipe's data. */
  readonly spelling: Partial<Recipe['data']>;
  /** What the run's folder keeps beside its recipe. */
  readonly kept: Tokenizer | null;
}

/** @throws UserError if there are none, or the vocabulary has one of them already */
function moreCharacters(recipe: Recipe, characters: string | undefined): Larger {
  if (characters === undefined)
    throw new UserError('this model knows characters: say with --characters which it should know besides.');
  const vocab = (recipe.data.vocab ?? '') + characters;
  const spelling = { vocab };
  const tokenizer = characterTokenizer({ ...recipe, data: { ...recipe.data, vocab } });
  if (tokenizer === null) throw new Error('a recipe with characters has no tokenizer');
  return { tokenizer, spelling, kept: null };
}

/** @throws UserError if there is none, or it is not the old one with tokens added */
async function moreTokens(old: Tokenizer, nameOrPath: string | undefined): Promise<Larger> {
  if (nameOrPath === undefined)
    throw new UserError(
      "this model knows a tokenizer's tokens: give a larger tokenizer, which begins with the same ones, with --tokenizer.",
    );
  const tokenizer = await loadTokenizer(nameOrPath);
  const different = firstDifference(old, tokenizer);
  if (different !== null)
    throw new UserError(
      `${nameOrPath} is not the model's tokenizer with tokens added, since the id ${different} is another token there: give one that begins with the same tokens.`,
    );
  return { tokenizer, spelling: { tokenizer: nameOrPath, tokenizerSha256: hashOf(tokenizer) }, kept: tokenizer };
}

/** @throws UserError if it cannot be read, or is not spelled as the new run's must be */
async function hashOfData(recipe: Recipe, { kept }: Larger): Promise<string> {
  const loaded = await loadData(recipe);
  prepareData(recipe, loaded, kept);
  return loaded.sha256;
}
