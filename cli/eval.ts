/** `manygrad eval`: the loss of a run's or a checkpoint's model on its data, or on another file. Looks at a test set are counted. */
import { loadData, prepareData, prepareWhole, type RecipeData } from '../coordinator/data.ts';
import { evaluate } from '../coordinator/evaluate.ts';
import { countTestLook, testLooksFile } from '../coordinator/testLooks.ts';
import type { Checkpoint } from '../core/checkpoint/store.ts';
import type { Dataset } from '../core/data/dataset.ts';
import { UserError } from '../core/errors.ts';
import { buildModel, titleOf } from '../models/model.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import { tokenizerOf, valuesOf } from '../models/trained.ts';
import { ThreadPool } from '../worker/pool.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { OutputMode } from './output.ts';

const SPLITS = ['train', 'val', 'test'] as const;
type Split = (typeof SPLITS)[number];

/** A part of the data that has a loss; `all` is the whole of other data, which the model was not trained on. */
type Part = Split | 'all';

const WORDS: Readonly<Record<Part, string>> = {
  train: 'train loss',
  val: 'validation loss',
  test: 'test loss',
  all: 'loss',
};

/** What is said of other data. */
const OTHER = ', which are not what it was trained on';

export interface EvalArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  /** Of train, val and test; when left out, all but test, or the whole of other data. */
  readonly splits: readonly string[] | undefined;
  /** Another file than the model was trained on. */
  readonly data: string | undefined;
  readonly threads: number;
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** @throws UserError */
export async function evaluateModel({ from, data, threads, trustCode, mode, ...args }: EvalArguments): Promise<void> {
  const splits = args.splits?.map(parseSplit);
  const { checkpoint, recipe } = await openCheckpoint(from, trustCode);
  const name = titleOf(recipe.model);
  if (splits?.includes('test') && dataKind(recipe) === 'text')
    throw new UserError(
      `${name} learns from running text, which has no test split: leave --split out, or give a text it has not seen with --data.`,
    );
  const measured = await readData(recipe, checkpoint, splits, data);
  const spec = { ...recipe.model, vocabSize: measured.vocabSize };
  const { step } = checkpoint;
  const state = { version: step, ...valuesOf(buildModel(spec), checkpoint) };
  if (mode === 'person')
    console.log(
      `${name} after ${step.toLocaleString('en')} steps, on ${measured.what}${measured.isOther ? OTHER : ''}.`,
    );
  const pool = await ThreadPool.start(spec, threads);
  try {
    pool.setState(state);
    for (const [split, dataset] of measured.parts) {
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

interface Measured {
  /** In the order in which they are measured. */
  readonly parts: ReadonlyMap<Part, Dataset>;
  readonly vocabSize: number;
  /** The data in words: name and size. */
  readonly what: string;
  readonly sha256: string;
  /** Whether it is other data than the model was trained on. */
  readonly isOther: boolean;
}

/** The checkpoint's own data, or another file's, spelled as the model's was. @throws UserError */
async function readData(
  recipe: Recipe,
  checkpoint: Checkpoint,
  splits: readonly Split[] | undefined,
  other: string | undefined,
): Promise<Measured> {
  const { dataSha256 } = checkpoint.metadata;
  const source = other ?? recipe.data.source;
  const asked: Recipe = { ...recipe, data: { ...recipe.data, source } };
  const tokenizer = await tokenizerOf(recipe, checkpoint);
  const kept = recipe.data.tokenizerSha256 === undefined ? null : tokenizer;
  const loaded = await loadData(asked).catch((error: unknown) => {
    if (other !== undefined || !(error instanceof UserError)) throw error;
    // What that message goes on to advise is for whoever gave the path.
    throw new UserError(
      `the data that ${checkpoint.file} was trained on cannot be read (${error.message.replace(/: [^:]*$/, '')}): restore it, or give its new place with --data.`,
    );
  });
  const { sha256 } = loaded;
  const isOther = dataSha256 !== undefined && sha256 !== dataSha256;
  if (isOther && other === undefined)
    throw new UserError(
      `${source} has changed since ${checkpoint.file} was trained on it: restore that file, or give it, or another, with --data.`,
    );
  // Of data that nothing was trained on, no part is a training set unless somebody says so.
  if (isOther && splits === undefined) {
    const { dataset, what } = prepareWhole(asked, loaded, kept);
    return { parts: new Map([['all', dataset]]), vocabSize: tokenizer.vocabSize, what, sha256, isOther };
  }
  const data = prepareData(asked, loaded, kept);
  const parts = new Map((splits ?? ['train', 'val']).map((split) => [split, datasetOf(data, split)]));
  return { parts, vocabSize: tokenizer.vocabSize, what: data.what, sha256, isOther };
}

function datasetOf({ splits, test, what }: RecipeData, split: Split): Dataset {
  if (split !== 'test') return splits[split];
  if (test === null) throw new Error(`${what} have no test split`);
  return test();
}

interface Line {
  readonly split: Part;
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
  console.log(`${WORDS[split]} ${loss.toFixed(4)}${counted}`);
}
