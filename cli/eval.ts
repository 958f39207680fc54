/** `manygrad eval`: the loss of a run's or a checkpoint's model on its data, or on another file. Looks at a test set are counted. */
import { loadData, prepareData, type RecipeData } from '../coordinator/data.ts';
import { evaluate } from '../coordinator/evaluate.ts';
import { countTestLook, testLooksFile } from '../coordinator/testLooks.ts';
import type { Checkpoint } from '../core/checkpoint/store.ts';
import type { Dataset } from '../core/data/dataset.ts';
import { UserError } from '../core/errors.ts';
import { buildModel, titleOf } from '../models/model.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import { valuesOf, vocabOf } from '../models/trained.ts';
import { ThreadPool } from '../worker/pool.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { OutputMode } from './output.ts';

const SPLITS = ['train', 'val', 'test'] as const;
type Split = (typeof SPLITS)[number];

const WORDS: Readonly<Record<Split, string>> = { train: 'train', val: 'validation', test: 'test' };

/** What is said of other data. */
const OTHER = ', which are not what it was trained on';

export interface EvalArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  /** Of train, val and test; all but test when left out. */
  readonly splits: readonly string[] | undefined;
  /** Another file than the model was trained on. */
  readonly data: string | undefined;
  readonly threads: number;
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** @throws UserError */
export async function evaluateModel({ from, data, threads, trustCode, mode, ...args }: EvalArguments): Promise<void> {
  const splits = new Set((args.splits ?? ['train', 'val']).map(parseSplit));
  const { checkpoint, recipe } = await openCheckpoint(from, trustCode);
  const name = titleOf(recipe.model);
  if (splits.has('test') && dataKind(recipe) === 'text')
    throw new UserError(
      `${name} learns from running text, which has no test split: leave --split out, or give a text it has not seen with --data.`,
    );
  const measured = await readData(recipe, checkpoint, data);
  const spec = { ...recipe.model, vocabSize: measured.vocabulary.size };
  const { step } = checkpoint;
  const state = { version: step, ...valuesOf(buildModel(spec), checkpoint) };
  if (mode === 'person')
    console.log(
      `${name} after ${step.toLocaleString('en')} steps, on ${measured.what}${measured.isOther ? OTHER : ''}.`,
    );
  const pool = await ThreadPool.start(spec, threads);
  try {
    pool.setState(state);
    for (const split of splits) {
      const dataset = datasetOf(measured, split);
      const loss = await evaluate(pool, dataset, step);
      const look = { step, loss, dataSha256: measured.sha256 };
      const looks = split === 'test' ? countTestLook(testLooksFile(from), look) : undefined;
      print(mode, { split, loss, step, examples: dataset.evalCount, looks });
    }
  } finally {
    await pool.close();
  }
}

function parseSplit(value: string): Split {
  const split = SPLITS.find((known) => known === value);
  if (split === undefined) throw new UserError(`--split ${value} is no part of the data: use train, val or test.`);
  return split;
}

interface Measured extends RecipeData {
  readonly sha256: string;
  /** Whether it is other data than the model was trained on. */
  readonly isOther: boolean;
}

/** The checkpoint's own data, or another file's, spelled in the model's vocabulary. @throws UserError */
async function readData(recipe: Recipe, checkpoint: Checkpoint, other: string | undefined): Promise<Measured> {
  const { dataSha256 } = checkpoint.metadata;
  const source = other ?? recipe.data.source;
  const asked: Recipe = { ...recipe, data: { ...recipe.data, vocab: vocabOf(recipe, checkpoint), source } };
  const loaded = await loadData(asked);
  const isOther = dataSha256 !== undefined && loaded.sha256 !== dataSha256;
  if (isOther && other === undefined)
    throw new UserError(
      `${source} has changed since ${checkpoint.file} was trained on it: restore that file, or give one with --data.`,
    );
  return { ...prepareData(asked, loaded), sha256: loaded.sha256, isOther };
}

function datasetOf({ splits, test, what }: RecipeData, split: Split): Dataset {
  if (split !== 'test') return splits[split];
  if (test === null) throw new Error(`${what} have no test split`);
  return test();
}

interface Line {
  readonly split: Split;
  readonly loss: number;
  readonly step: number;
  readonly examples: number;
  /** At the test set, with this one. */
  readonly looks: number | undefined;
}

function print(mode: OutputMode, line: Line): void {
  if (mode === 'json') console.log(JSON.stringify({ event: 'evaluation', ...line }));
  if (mode !== 'person') return;
  const { split, loss, looks } = line;
  const counted =
    looks === undefined ? '' : ` (look ${looks} at the test set: each look makes it a little less of a test)`;
  console.log(`${WORDS[split]} loss ${loss.toFixed(4)}${counted}`);
}
