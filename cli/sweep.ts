/**
 * `manygrad sweep`: trains every combination of a grid with every seed, one run after the other on the same workers, and compares
 * them. What has been made is in the runs' own folders: called again, it makes what is missing and goes on with what is not
 * finished.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import * as z from 'zod';
import { loadData } from '../coordinator/data.ts';
import { PLAIN, type RunOptions } from '../coordinator/options.ts';
import { prepareNewRun, prepareResumedRun } from '../coordinator/prepare.ts';
import { readConfig } from '../coordinator/runConfig.ts';
import { type Combination, combinations, parseSweep, type Sweep } from '../coordinator/search/grid.ts';
import { markdownTable, type RunOutcome, ranked, type SweepRow, sweepRow } from '../coordinator/search/table.ts';
import { Divergence } from '../coordinator/trainer.ts';
import { UserError } from '../core/errors.ts';
import { hashOf } from '../core/tokenizer/description.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import { askedTokenizer } from '../models/tokenizers.ts';
import { keepPool } from '../worker/local.ts';
import { secret } from './door.ts';
import { type LogArguments, logged, openLog } from './log.ts';
import { duration, type OutputMode, TrainingOutput } from './output.ts';
import { type Field, readYaml, recipeFrom } from './recipe.ts';
import { checkWorkforce, trainPrepared, type WorkforceArguments } from './train.ts';
import { checkCode } from './trust.ts';

export interface SweepArguments extends WorkforceArguments, LogArguments {
  readonly file: string;
  readonly out: string | undefined;
  /** Run the code of a model that the base brings. */
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** One run of the sweep. */
interface Planned {
  readonly combination: Combination;
  readonly recipe: Recipe;
  readonly dir: string;
  /** What it came to, if it has been made. */
  outcome: RunOutcome | null;
}

/** Losses are compared at the end alone; a checkpoint now and then is for a crash. */
const OPTIONS: RunOptions = { ...PLAIN, checkpointEvery: 1000, checkpointSeconds: 300 };

/** A file in the folder of a run whose numbers ran away: it would do so again. */
const DIVERGED = 'diverged.json';

const summarySchema = z.object({
  complete: z.literal(true),
  trainLoss: z.number(),
  valLoss: z.number(),
  seconds: z.number(),
  paramsSha256: z.string(),
});
const divergedSchema = z.object({ step: z.number() });

/** @returns the exit code: 0, or 130 / 143 if it was stopped by SIGINT / SIGTERM. @throws UserError */
export async function sweep(args: SweepArguments): Promise<number> {
  checkWorkforce(args, args.mode);
  const logger = openLog(args);
  return logged(logger, () => sweepAndCompare(args, logger));
}

async function sweepAndCompare(args: SweepArguments, logger: Logger): Promise<number> {
  const { file, mode } = args;
  const asked = parseSweep(readYaml(file, 'a sweep'), file);
  const out = args.out ?? join('runs', `sweep-${file.replace(/^.*\//, '').replace(/\.ya?ml$/, '')}`);
  const runs = await plan(asked, out, args);
  const say = (text: string) => {
    if (mode === 'person') console.log(text);
  };
  const missing = runs.filter(({ outcome }) => outcome === null).length;
  const combined = new Set(runs.map(({ combination }) => combination)).size;
  say(`${runs.length} runs (${combined} combinations), ${runs.length - missing} of them made before. Files: ${out}`);
  try {
    mkdirSync(out, { recursive: true });
  } catch (error) {
    throw new UserError(`${out} cannot be written (${String(error)}): choose another folder with --out.`);
  }
  const code = await trainMissing(runs, args, say, logger);
  const rows = ranked(rowsOf(runs));
  keep(out, asked, rows);
  if (mode === 'json') console.log(JSON.stringify({ event: 'sweep', dir: out, complete: code === 0, rows }));
  if (rows.length > 0) for (const line of ['', ...markdownTable(rows)]) say(line);
  if (code !== 0) say(`\nStopped. Go on with:  manygrad sweep ${file}${args.out === undefined ? '' : ` --out ${out}`}`);
  return code;
}

/** Every run, its recipe checked, before the first is made. @throws UserError */
async function plan(asked: Sweep, out: string, { file, trustCode }: SweepArguments): Promise<Planned[]> {
  const { base, set, grid, steps, data } = asked;
  const runs: Planned[] = [];
  const hashes = new Map<string, Promise<string>>();
  // A tokenizer's file may be another than when the sweep was begun: what runs are told apart by is its hash.
  const spellings = new Map<string | undefined, Promise<string | null>>();
  for (const combination of combinations(grid)) {
    const { steps: ownSteps = steps, ...values } = combination.values;
    if (ownSteps !== undefined && (typeof ownSteps !== 'number' || !Number.isInteger(ownSteps) || ownSteps < 1))
      throw new UserError(`${file}: steps must be a whole number of at least 1, and ${String(ownSteps)} is not.`);
    const fields: Field[] = [...Object.entries(set), ...Object.entries(values)];
    const called = `${base} with the values of ${file} (${combination.label})`;
    const recipe = await recipeFrom(base, { steps: ownSteps, data }, fields, called);
    checkCode(recipe, base, trustCode);
    const { source } = recipe.data;
    const key = `${dataKind(recipe)} ${source}`;
    const sha256 = hashes.get(key) ?? loadData(recipe).then((loaded) => loaded.sha256);
    hashes.set(key, sha256);
    const { tokenizer } = recipe.data;
    const tokens = spellings.get(tokenizer) ?? askedTokenizer(recipe).then((found) => found && hashOf(found));
    spellings.set(tokenizer, tokens);
    const tokenizerSha256 = (await tokens) ?? recipe.data.tokenizerSha256;
    for (const seed of asked.seeds ?? [recipe.seed]) {
      const dir = join(out, `${combination.label}-seed${seed}`);
      const seeded: Recipe = { ...recipe, seed, data: { ...recipe.data, tokenizerSha256 } };
      runs.push({ combination, recipe: seeded, dir, outcome: await outcomeIn(dir, seeded, await sha256, file) });
    }
  }
  return runs;
}

/** What the run in a folder came to; null if it has not been made, or not to its end. @throws UserError if it is another run */
async function outcomeIn(dir: string, recipe: Recipe, dataSha256: string, file: string): Promise<RunOutcome | null> {
  if (!existsSync(join(dir, 'config.json'))) return null;
  const config = await readConfig(dir);
  if (config.dataSha256 !== dataSha256 || !isSame(config.recipe, recipe))
    throw new UserError(
      `${dir} holds a run of another recipe or other data than ${file} asks for now: choose another folder with --out, or move that one away.`,
    );
  const { seed } = recipe;
  const summary = summarySchema.safeParse(readJson(join(dir, 'summary.json')));
  if (summary.success) {
    const { trainLoss, valLoss, seconds, paramsSha256 } = summary.data;
    return { seed, dir, result: { trainLoss, valLoss, seconds, paramsSha256 } };
  }
  const diverged = divergedSchema.safeParse(readJson(join(dir, DIVERGED)));
  return diverged.success ? { seed, dir, result: null } : null;
}

/** A run's recipe has the characters or the tokenizer of its data filled in, and its data may have been given by another path. */
function isSame(made: Recipe, asked: Recipe): boolean {
  const filled = (data: Omit<Recipe['data'], 'source'>) => ({
    vocab: asked.data.vocab === undefined ? null : data.vocab,
    tokenizerSha256: asked.data.tokenizerSha256 === undefined ? null : data.tokenizerSha256,
  });
  const core = ({ data: { source: _, ...data }, ...rest }: Recipe): unknown =>
    JSON.parse(JSON.stringify({ ...rest, data: { ...data, ...filled(data) } }));
  return isDeepStrictEqual(core(made), core(asked));
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Makes the runs that have no outcome. Threads stay from run to run; the door is opened again at the same port with the same
 * token, so that workers and tabs come back to it by themselves, and is closed for good after the last.
 * @returns the exit code
 */
async function trainMissing(
  runs: readonly Planned[],
  args: SweepArguments,
  say: (text: string) => void,
  logger: Logger,
): Promise<number> {
  const { token = secret(), key = secret(), mode } = args;
  const pool = keepPool(args.threads);
  let { listen } = args;
  let opened = false;
  const last = runs.findLast(({ outcome }) => outcome === null);
  try {
    for (const [i, run] of runs.entries()) {
      if (run.outcome !== null) continue;
      const { recipe, dir, combination } = run;
      const isNew = !existsSync(join(dir, 'config.json'));
      const prepared = isNew
        ? await prepareNewRun(recipe, dir, () => OPTIONS)
        : await prepareResumedRun(dir, { source: recipe.data.source }, () => OPTIONS);
      const { step, parameterCount: parameters } = prepared.trainer;
      for (const { reason } of prepared.damaged) say(`Passed over a damaged checkpoint: ${reason}`);
      say(
        `Run ${i + 1} of ${runs.length}: ${combination.label}, seed ${recipe.seed}${step > 0 ? `, from step ${step}` : ''}`,
      );
      const output = new TrainingOutput(mode, prepared.steps, step);
      output.warn(prepared.warnings);
      output.event({ event: 'start', dir, step, parameters });
      const ended = await trainPrepared(prepared, { ...args, listen, token, key }, output, {
        pool,
        logger,
        again: opened,
        onDoor: (port) => {
          opened = true;
          if (listen !== undefined) listen = { ...listen, port };
        },
        sendsHome: (end) => run === last && end?.complete !== false,
        terse: true,
      }).catch((error: unknown) => {
        if (error instanceof Divergence) return error;
        throw error;
      });
      if (ended instanceof Divergence) {
        logger.warn({ event: 'diverged', dir, reason: ended.message });
        writeFileSync(join(dir, DIVERGED), `${JSON.stringify({ step: ended.step, reason: ended.message })}\n`);
        run.outcome = { seed: recipe.seed, dir, result: null };
        say(`  diverged at step ${ended.step}`);
      } else {
        if (!ended.end.complete) return ended.code;
        const { trainLoss, valLoss, seconds, paramsSha256 } = summarySchema.parse(ended.end);
        run.outcome = { seed: recipe.seed, dir, result: { trainLoss, valLoss, seconds, paramsSha256 } };
        const losses = `train loss ${trainLoss.toFixed(4)}   validation loss ${valLoss.toFixed(4)}`;
        say(`  ${losses}   ${duration(seconds)}`);
      }
      output.event({ event: 'run', label: combination.label, values: combination.values, ...run.outcome });
    }
    return 0;
  } finally {
    await pool.close();
  }
}

/** A row for each combination of which a run has been made. */
function rowsOf(runs: readonly Planned[]): SweepRow[] {
  const made = Map.groupBy(runs, ({ combination }) => combination);
  return [...made].flatMap(([combination, planned]) => {
    const outcomes = planned.flatMap(({ outcome }) => outcome ?? []);
    return outcomes.length === 0 ? [] : [sweepRow(combination, outcomes)];
  });
}

/** sweep.json and sweep.md, of what has been made so far. @throws UserError if the disk does not take them */
function keep(out: string, asked: Sweep, rows: readonly SweepRow[]): void {
  const table = rows.length === 0 ? ['No run has been made.'] : markdownTable(rows);
  try {
    writeFileSync(
      join(out, 'sweep.json'),
      `${JSON.stringify({ format: 'manygrad-sweep-1', ...asked, rows }, null, 2)}\n`,
    );
    writeFileSync(join(out, 'sweep.md'), `${table.join('\n')}\n`);
  } catch (error) {
    throw new UserError(`${out} cannot be written (${String(error)}): make room, then call the sweep again.`);
  }
}
