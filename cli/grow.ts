/**
 * `manygrad grow`: a new run from a trained model with more tokens in its vocabulary: characters, or those of a larger tokenizer. The new
 * run's folder holds a checkpoint to go on from, or to sample from; the old one is left as it is.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadData, prepareData } from '../coordinator/data.ts';
import { CONFIG, type RunConfig, writeConfig } from '../coordinator/runConfig.ts';
import { writeCheckpoint } from '../core/checkpoint/store.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { CharacterTokenizer } from '../core/tokenizer/character.ts';
import { hashOf } from '../core/tokenizer/description.ts';
import { firstDifference, withSpecial } from '../core/tokenizer/extends.ts';
import { keepTokenizer, TOKENIZER } from '../core/tokenizer/kept.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { growTensors } from '../models/grow.ts';
import { titleOf } from '../models/model.ts';
import type { Recipe } from '../models/recipe.ts';
import { characterTokenizer, tokenizerOf } from '../models/trained.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { OutputMode } from './output.ts';
import { trustFlag } from './trust.ts';

/** What is added to a vocabulary, after what there is. */
export interface Added {
  /** To a vocabulary of characters. */
  readonly characters?: string | undefined;
  /** A tokenizer's file or name: that of the model with more tokens. */
  readonly tokenizer?: string | undefined;
  /** Special tokens, to the model's tokenizer. */
  readonly special?: readonly string[] | undefined;
}

export interface GrowArguments extends Added {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
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
export async function grow({ from, out, data, freeze, seed, trustCode, mode, ...added }: GrowArguments): Promise<void> {
  if (existsSync(join(out, CONFIG)))
    throw new UserError(`${out} already holds a run: choose another folder with --out.`);
  const { checkpoint, recipe } = await openCheckpoint(from, trustCode);
  const old = await tokenizerOf(recipe, checkpoint);
  const larger = await enlarge(recipe, old, added);
  const [before, after] = [old.vocabSize, larger.vocabSize];
  const tensors = growTensors(checkpoint, { ...recipe.model, vocabSize: before }, after, seed);
  const grown = grownRecipe(recipe, larger, data, freeze ? before : null);
  const dataSha256 = data === undefined ? (checkpoint.metadata.dataSha256 ?? '') : await hashOfData(grown, larger);
  const config: RunConfig = { format: 'manygrad-run-1', recipe: grown, dataSha256 };
  const metadata = { format: 'manygrad', recipe: JSON.stringify(grown), dataSha256 };
  const file = await writeCheckpoint(out, checkpoint.step, tensors, metadata);
  if (grown.data.tokenizerSha256 !== undefined) await keepTokenizer(out, larger, nodeDisk);
  // Last, since it says that there is a run: one without its checkpoint would begin anew.
  await writeConfig(out, config, nodeDisk);
  if (mode === 'json')
    console.log(JSON.stringify({ event: 'grown', from: checkpoint.file, file, before, after, seed, freeze }));
  if (mode === 'person') {
    const alone = freeze ? ', and only those will be trained' : '';
    console.log(`${file} knows ${after} tokens, ${after - before} of them new${alone}.`);
    const steps = checkpoint.step + recipe.steps;
    const kept = join(out, TOKENIZER);
    console.log(
      data === undefined && isFolder(recipe.data.source)
        ? `To train it on, make shards with --tokenizer ${kept}, and grow ${from} again, with that tokenizer and --data: those in ${recipe.data.source} were made with the smaller one.`
        : `To train it on: manygrad train --resume ${out} --steps ${steps}${trustFlag(recipe)}`,
    );
  }
}

/** Of data, that it is shards. */
const isFolder = (source: string): boolean => statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The model's tokenizer with what is added. @throws UserError if that is not of its kind, or no addition */
async function enlarge(recipe: Recipe, old: Tokenizer, { characters, tokenizer, special }: Added): Promise<Tokenizer> {
  const given = [characters, tokenizer, special].filter((value) => value !== undefined);
  if (given.length !== 1)
    throw new UserError('what is to be added must be said once: give --characters, --special or --tokenizer.');
  if (old instanceof CharacterTokenizer) {
    if (characters === undefined)
      throw new UserError(`${titleOf(recipe.model)} was trained on characters: add some with --characters.`);
    const larger = characterTokenizer({ ...recipe, data: { ...recipe.data, vocab: old.chars + characters } });
    if (larger !== null) return larger;
  }
  if (special !== undefined) return withSpecial(old, special);
  if (tokenizer === undefined)
    throw new UserError(
      `${titleOf(recipe.model)} was trained on a tokenizer's tokens: add some with --special, or with --tokenizer and a larger one.`,
    );
  const larger = await loadTokenizer(tokenizer);
  const different = firstDifference(old, larger);
  if (different === null) return larger;
  throw new UserError(
    `${tokenizer} has another token ${different} than the model's tokenizer: give that one with tokens added after its own.`,
  );
}

function grownRecipe(recipe: Recipe, larger: Tokenizer, source: string | undefined, onlyFrom: number | null): Recipe {
  const { trainTokensFrom: _, data, ...rest } = recipe;
  const { vocab: __, tokenizer: ___, tokenizerSha256: ____, ...place } = data;
  const spelling = larger instanceof CharacterTokenizer ? { vocab: larger.chars } : { tokenizerSha256: hashOf(larger) };
  return {
    ...rest,
    data: { ...place, ...spelling, ...(source === undefined ? {} : { source }) },
    ...(onlyFrom === null ? {} : { trainTokensFrom: onlyFrom }),
  };
}

/** @throws UserError if it cannot be read, or be spelled by the tokenizer */
async function hashOfData(recipe: Recipe, tokenizer: Tokenizer): Promise<string> {
  const loaded = await loadData(recipe);
  prepareData(recipe, loaded, tokenizer instanceof CharacterTokenizer ? null : tokenizer);
  return loaded.sha256;
}
