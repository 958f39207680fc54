/** From a recipe, or the folder of a run to be continued, to the parts of a run: data, vocabulary, model, numbers, files. */
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { type Checkpoint, type DamagedCheckpoint, hasCheckpoint, latestCheckpoint } from '../core/checkpoint/store.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Disk } from '../core/disk/disk.ts';
import type { FolderLock } from '../core/disk/lock.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { hashOf } from '../core/tokenizer/description.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { loadModel } from '../models/loadCode.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import { type Recipe, recipeSchema } from '../models/recipe.ts';
import { askedTokenizer, tokenizerOfRun } from '../models/tokenizers.ts';
import { Batches } from './batches.ts';
import { checkBatchNorm } from './checkBatchNorm.ts';
import { loadData, prepareData, type RecipeData } from './data.ts';
import { samplerOf } from './draws.ts';
import type { RunOptions } from './options.ts';
import type { RunParts } from './run.ts';
import { type RunConfig, readConfig } from './runConfig.ts';
import { lockRun, RunFolder } from './runFolder.ts';
import { Trainer } from './trainer.ts';

export interface PreparedRun extends RunParts {
  /** What its data is spelled by. */
  readonly tokenizer: Tokenizer;
  readonly spec: ModelSpec;
  readonly config: RunConfig;
  /** The data in words: name and size. */
  readonly data: string;
  /** Checkpoints that were newer but not whole. */
  readonly damaged: readonly DamagedCheckpoint[];
  /** What is unlikely to be meant, in sentences. */
  readonly warnings: readonly string[];
}

/** What a run is made on: this machine's, or a simulation's, which also has its data at hand. */
export interface RunPlace {
  /** Where its folder is. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly loadData: typeof loadData;
}

/** What may be said anew of a run that is continued. */
export interface Changes {
  readonly steps?: number;
  readonly source?: string;
  readonly tokenizer?: string;
}

const HERE: RunPlace = { disk: nodeDisk, clock: systemClock, loadData };

/** A new run of `recipe` in the folder `dir`. @throws UserError */
export async function prepareNewRun(
  recipe: Recipe,
  dir: string,
  options: (steps: number) => RunOptions,
  { disk, clock, loadData }: RunPlace = HERE,
): Promise<PreparedRun> {
  const loaded = await loadData(recipe);
  const data = prepareData(recipe, loaded, await askedTokenizer(recipe));
  const resolved: Recipe = { ...recipe, data: { ...recipe.data, ...data.spelling } };
  const config: RunConfig = { format: 'manygrad-run-1', recipe: resolved, dataSha256: loaded.sha256 };
  const built = await build(config, data, options(recipe.steps));
  const warning = await checkBatchNorm(resolved, built.spec);
  const warnings = warning === null ? [] : [warning];
  const kept = 'tokenizerSha256' in data.spelling ? data.tokenizer : null;
  return { ...built, folder: await RunFolder.create(dir, config, disk, clock, kept), damaged: [], warnings };
}

/**
 * The run in the folder `dir`, at its last whole checkpoint, or at its beginning if it has not written one.
 * @param changes more steps than it was started with, or the same data or tokenizer at another place
 * It warns of nothing: its recipe is as it is.
 * @throws UserError if the data is not the run's, or no checkpoint is whole
 */
export async function prepareResumedRun(
  dir: string,
  changes: Changes,
  options: (steps: number) => RunOptions,
  place: RunPlace = HERE,
): Promise<PreparedRun> {
  const config = await readConfig(dir, place.disk);
  // From here on nobody else writes to what is read.
  const lock = await lockRun(dir, place.disk);
  try {
    return await resume(dir, config, changes, options, lock, place);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function resume(
  dir: string,
  { recipe: started, ...before }: RunConfig,
  changes: Changes,
  options: (steps: number) => RunOptions,
  lock: FolderLock,
  { disk, clock, loadData }: RunPlace,
): Promise<PreparedRun> {
  const source = changes.source ?? started.data.source;
  const recipe: Recipe = { ...started, steps: changes.steps ?? started.steps, data: { ...started.data, source } };
  const config: RunConfig = { ...before, recipe };
  const tokenizer = await tokenizerOfRun(dir, recipe, disk);
  if (changes.tokenizer !== undefined) {
    const { tokenizerSha256 } = recipe.data;
    if (tokenizerSha256 === undefined || hashOf(await loadTokenizer(changes.tokenizer)) !== tokenizerSha256)
      throw new UserError(
        `${changes.tokenizer} is not the tokenizer that the run in ${dir} was started with: leave it out, since the run's folder keeps its own, or start a new run.`,
      );
  }
  const loaded = await loadData(recipe);
  if (loaded.sha256 !== config.dataSha256)
    throw new UserError(
      `${source} is not the data that the run in ${dir} was started with: give that file with --data, or start a new run.`,
    );
  const found = (await hasCheckpoint(dir, disk)) ? await latestCheckpoint(dir, disk) : null;
  const { trainer, ...rest } = await build(config, prepareData(recipe, loaded, tokenizer), options(recipe.steps));
  if (found !== null) {
    checkRecipe(found, recipe);
    trainer.restore(found);
  }
  const { step } = trainer;
  if (recipe.steps < step)
    throw new UserError(
      `the run in ${dir} has made ${step} steps already, more than --steps ${recipe.steps}: give more, or leave --steps out.`,
    );
  const damaged = found?.damaged ?? [];
  const at = { step, again: step === recipe.steps, damaged };
  const folder = await RunFolder.resume(dir, config, at, lock, disk, clock);
  return { ...rest, trainer, folder, damaged, warnings: [] };
}

async function build(config: RunConfig, data: RecipeData, options: RunOptions) {
  const { recipe } = config;
  const spec: ModelSpec = { ...recipe.model, vocabSize: data.tokenizer.vocabSize };
  await loadModel(spec);
  const batches = new Batches(recipe, data.splits, samplerOf(recipe, buildModel(spec)));
  const trainer = new Trainer(await createWasmBackend(), recipe, spec);
  return { config, spec, tokenizer: data.tokenizer, batches, trainer, options, steps: recipe.steps, data: data.what };
}

/** @throws UserError unless the checkpoint was written by a run of the same recipe, its number of steps aside */
function checkRecipe({ file, metadata }: Checkpoint, recipe: Recipe): void {
  const core = ({ steps: _, data: { source: __, tokenizer: ___, ...data }, ...rest }: Recipe) =>
    JSON.stringify({ ...rest, data });
  let same = false;
  try {
    same = core(recipeSchema.parse(JSON.parse(metadata.recipe ?? ''))) === core(recipe);
  } catch {
    // Not a recipe at all: as different as can be.
  }
  if (!same)
    throw new UserError(
      `${file} is a checkpoint of another model or recipe than the run's config.json: put the run's own checkpoint there.`,
    );
}
