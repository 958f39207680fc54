/** Reads a run's folder and its last checkpoint into one plain report. What is not there is said to be; it writes nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import * as z from 'zod';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { latestCheckpoint } from '../../core/checkpoint/store.ts';
import { UserError } from '../../core/errors.ts';
import { type Samples, samplesSchema } from '../../core/protocol/diagnostics.ts';
import { isRegistered } from '../../models/custom.ts';
import { loadModel } from '../../models/loadCode.ts';
import { titleOf } from '../../models/model.ts';
import type { Recipe } from '../../models/recipe.ts';
import { characterTokenizer, loadTrained, type TrainedModel } from '../../models/trained.ts';
import { jsonLines } from '../jsonLines.ts';
import { readConfig } from '../runConfig.ts';
import { logLineSchema } from '../runFolder.ts';
import { attentionMaps } from './attention.ts';
import { bigrams } from './bigrams.ts';
import { Buckets, Thinned } from './buckets.ts';
import { embeddingPoints } from './embedding.ts';
import { measured } from './measured.ts';
import type { Course, Evaluation, Part, Report, Summary } from './report.ts';

const MAX_SAMPLES = 40;

/** What a run says of itself at its end. */
const summarySchema = z.object({
  parameters: z.number().optional(),
  trainLoss: z.number().nullish(),
  valLoss: z.number().nullish(),
  seconds: z.number().optional(),
  tokensPerSecond: z.number().optional(),
  workersSeen: z.array(z.string()).optional(),
  paramsSha256: z.string().optional(),
});

/**
 * @param dir a run's folder
 * @param trustCode whether to run the code of a model that the checkpoint brings
 * @throws UserError if the folder holds no run, or one that has made no step
 */
export async function collect(dir: string, trustCode: boolean): Promise<Report> {
  const { recipe, dataSha256 } = await readConfig(dir);
  const { course, evaluations, tokensPerSecond } = await readLog(dir);
  const summary = readSummary(dir);
  const trained = await openTrained(dir, trustCode);
  const ofModel = async <T>(read: (model: TrainedModel) => Promise<T | null>): Promise<Part<T> | null> => {
    if ('absent' in trained) return trained;
    const part = await read(trained.found);
    return part === null ? null : { found: part };
  };
  const last = (split: Evaluation['split']) => evaluations.findLast((e) => e.split === split)?.loss ?? null;
  const told: Summary = {
    model: describeModel(recipe),
    data: recipe.data.source,
    parameters: summary.parameters ?? ('found' in trained ? countParameters(trained.found) : null),
    steps: { made: course.step.at(-1) ?? 0, goal: recipe.steps },
    trainLoss: summary.trainLoss ?? last('train'),
    valLoss: summary.valLoss ?? last('val'),
    tokensPerSecond: summary.tokensPerSecond ?? tokensPerSecond,
    seconds: summary.seconds ?? null,
    workers: summary.workersSeen ?? null,
    paramsSha256: summary.paramsSha256 ?? null,
    vocabSize: ('found' in trained ? trained.found.tokenizer : characterTokenizer(recipe))?.vocabSize ?? null,
    unit: recipe.data.tokenizerSha256 === undefined ? 'character' : 'token',
  };
  const table = 'absent' in trained ? null : await bigrams(trained.found, dataSha256);
  return {
    name: basename(resolve(dir)),
    summary: told,
    course,
    evaluations,
    measured: await measured(join(dir, 'diagnostics.jsonl')),
    samples: await readSamples(join(dir, 'samples.jsonl')),
    // The rows of a bigram's table are no places: they are shown as what they are.
    embedding: table === null ? await ofModel(embeddingPoints) : null,
    // Of a model that cannot be opened, one section says so; a second would say the same.
    attention: 'absent' in trained && !recipe.model.name.startsWith('gpt') ? null : await ofModel(attentionMaps),
    bigrams: table,
  };
}

/** @throws UserError if the log holds no step */
async function readLog(dir: string) {
  const buckets = new Buckets(4);
  const evaluations = new Thinned<Evaluation>(1000);
  for await (const line of jsonLines(join(dir, 'log.jsonl'), logLineSchema)) {
    const { step, trainLoss, valLoss, loss } = line;
    if (loss !== undefined) buckets.push(step, [loss, line.lr, line.gradNorm, line.tokensPerSecond]);
    if (trainLoss !== undefined) evaluations.push({ step, split: 'train', loss: trainLoss });
    if (valLoss !== undefined) evaluations.push({ step, split: 'val', loss: valLoss });
  }
  const step = buckets.steps;
  if (step.length === 0)
    throw new UserError(`${dir} has logged no step yet: train it for a while, then ask for the report again.`);
  const [loss, lr, gradNorm] = [buckets.curve(0), buckets.curve(1), buckets.curve(2)];
  const course: Course = { step, loss, lr: { ...lr, spread: null }, gradNorm };
  return { course, evaluations: evaluations.items, tokensPerSecond: buckets.curve(3).mean.at(-1) ?? null };
}

async function readSamples(file: string): Promise<Part<Samples[]>> {
  const some = new Thinned<Samples>(MAX_SAMPLES);
  for await (const line of jsonLines(file, samplesSchema)) some.push(line);
  if (some.items.length > 0) return { found: some.items };
  return {
    absent: 'This run has kept no samples: train with --diagnostics every=100 to see how what it writes gets better.',
  };
}

function readSummary(dir: string): z.infer<typeof summarySchema> {
  const file = join(dir, 'summary.json');
  if (!existsSync(file)) return {};
  try {
    return summarySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}

/** The model of the last checkpoint. */
async function openTrained(dir: string, trustCode: boolean): Promise<Part<TrainedModel>> {
  const { model } = (await readConfig(dir)).recipe;
  if (model.name === 'custom' && !trustCode && !isRegistered(model.code))
    return {
      absent: `This run brings the code of a model, ${model.title}: add --trust-code to look inside it, if you know where it comes from.`,
    };
  try {
    const checkpoint = await latestCheckpoint(dir);
    await loadModel(model);
    return { found: await loadTrained(checkpoint, await createWasmBackend()) };
  } catch (error) {
    if (error instanceof UserError) return { absent: `The model cannot be looked into: ${error.message}` };
    throw error;
  }
}

const countParameters = ({ model }: TrainedModel): number =>
  model.namedParameters().reduce((total, [, { numel }]) => total + numel, 0);

/** What a recipe calls sizes, in words. */
const SIZES: Readonly<Record<string, string>> = { blockSize: 'context', embeddingDim: 'embedding' };

/** The model's name and its sizes: gpt · context 32 · layers 4. */
function describeModel({ model }: Recipe): string {
  const sizes = Object.entries(model).filter(
    ([name, value]) => name !== 'name' && typeof value === 'number' && value > 0,
  );
  return [titleOf(model), ...sizes.map(([name, value]) => `${SIZES[name] ?? name} ${value}`)].join(' · ');
}
