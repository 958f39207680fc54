/**
 * `manygrad grow`: a new run from a trained model with more characters in its vocabulary. The new run's folder holds a checkpoint to
 * go on from, or to sample from; the old one is left as it is.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadData, prepareData } from '../coordinator/data.ts';
import { CONFIG, type RunConfig, writeConfig } from '../coordinator/runConfig.ts';
import { writeCheckpoint } from '../core/checkpoint/store.ts';
import { Characters } from '../core/data/characters.ts';
import { Vocabulary } from '../core/data/vocabulary.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { growTensors } from '../models/grow.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import { vocabOf } from '../models/trained.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { OutputMode } from './output.ts';
import { trustFlag } from './trust.ts';

export interface GrowArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  /** To be added to the vocabulary, after those there are. */
  readonly characters: string;
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
  const old = vocabOf(recipe, checkpoint);
  const [before, after] = [sizeOf(recipe, old), sizeOf(recipe, old + characters)];
  const tensors = growTensors(checkpoint, { ...recipe.model, vocabSize: before }, after, seed);
  const { trainTokensFrom: _, ...rest } = recipe;
  const grown: Recipe = {
    ...rest,
    data: { ...recipe.data, vocab: old + characters, ...(data === undefined ? {} : { source: data }) },
    ...(freeze ? { trainTokensFrom: before } : {}),
  };
  const dataSha256 = data === undefined ? (checkpoint.metadata.dataSha256 ?? '') : await hashOfData(grown);
  const config: RunConfig = { format: 'manygrad-run-1', recipe: grown, dataSha256 };
  const metadata = { format: 'manygrad', recipe: JSON.stringify(grown), dataSha256 };
  const file = await writeCheckpoint(out, checkpoint.step, tensors, metadata);
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

/** The tokens of a vocabulary. @throws UserError if it has a character twice */
const sizeOf = (recipe: Recipe, vocab: string): number =>
  (dataKind(recipe) === 'text' ? new Characters(vocab) : new Vocabulary(vocab)).size;

/** @throws UserError if it cannot be read, or has characters that the vocabulary has not */
async function hashOfData(recipe: Recipe): Promise<string> {
  const loaded = await loadData(recipe);
  prepareData(recipe, loaded);
  return loaded.sha256;
}
