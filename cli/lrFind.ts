/** `manygrad lr-find`: a run whose learning rate rises by the same factor each step, and what it says about rates. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines } from '../coordinator/jsonLines.ts';
import { PLAIN } from '../coordinator/options.ts';
import { prepareNewRun } from '../coordinator/prepare.ts';
import { logLineSchema } from '../coordinator/runFolder.ts';
import { type RateSearch, readSearch } from '../coordinator/search/rateFinder.ts';
import { rateInWords, svgPlot, textPlot } from '../coordinator/search/ratePlot.ts';
import { Divergence } from '../coordinator/trainer.ts';
import { UserError } from '../core/errors.ts';
import { titleOf } from '../models/model.ts';
import { type OutputMode, TrainingOutput } from './output.ts';
import { type RecipeFlags, recipeFrom } from './recipe.ts';
import { announce, defaultFolder, trainPrepared, type WorkforceArguments } from './train.ts';
import { checkCode } from './trust.ts';

/** A valley within this factor of an end of the range may go on beyond it. */
const EDGE = 1.25;

export interface LrFindArguments extends RecipeFlags {
  /** A preset, a recipe file or a model file. */
  readonly target: string;
  readonly steps: number;
  readonly from: number;
  readonly to: number;
  readonly out: string | undefined;
  readonly threads: number;
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** @returns the exit code: 0, or 130 / 143 if it was stopped by SIGINT / SIGTERM. @throws UserError */
export async function lrFind(args: LrFindArguments): Promise<number> {
  const { target, steps, from, to, mode } = args;
  if (!(from > 0 && to > from && Number.isFinite(to)))
    throw new UserError(`--from ${from} --to ${to} is no range of rates: write it as --from 0.001 --to 1.`);
  if (args.threads === 0) throw new UserError('--threads 0 leaves nobody to do the work: give at least 1.');
  const own = args.set?.find((setting) => /^schedule[.=]/.test(setting));
  if (own !== undefined)
    throw new UserError(`--set ${own}: lr-find sets the schedule itself; leave it out, and give --from and --to.`);
  const recipe = await recipeFrom(target, args, [['schedule', { name: 'exponential', from, to, steps }]]);
  checkCode(recipe, target, args.trustCode);
  const prepared = await prepareNewRun(recipe, args.out ?? defaultFolder(target, 'lr-find-'), () => PLAIN);
  const { dir } = prepared.folder;
  const output = new TrainingOutput(mode, steps, 0);
  announce(output, prepared);
  const { code, brokeOff } = await trainPrepared(prepared, alone(args.threads), output, { terse: true }).then(
    ({ code }) => ({ code, brokeOff: false }),
    (error: unknown) => {
      if (error instanceof Divergence) return { code: 0, brokeOff: true };
      throw error;
    },
  );
  const made = await stepsMade(dir);
  if (made.rates.length === 0) {
    if (!brokeOff) return code;
    throw new UserError(`training diverged at the very first rate, ${rateInWords(from)}: search lower with --from.`);
  }
  const search = readSearch(made.rates, made.losses, brokeOff);
  const plot = join(dir, 'lr-find.svg');
  write(plot, svgPlot(search, `${titleOf(recipe.model)}: loss at rising rates`));
  tell(output, search, brokeOff, plot);
  const { rates, losses, smoothed, valley, diverges, suggestion } = search;
  output.event({ event: 'lr-find', dir, plot, rates, losses, smoothed, valley, diverges, suggestion });
  return code;
}

/** Nobody but the threads here. */
const alone = (threads: number): WorkforceArguments => ({
  threads,
  listen: undefined,
  minWorkers: 0,
  token: undefined,
  tokens: undefined,
  tls: undefined,
  key: undefined,
  by: '',
  numerics: 'exact',
  grace: 10,
});

async function stepsMade(dir: string): Promise<{ rates: number[]; losses: number[] }> {
  const made: { rates: number[]; losses: number[] } = { rates: [], losses: [] };
  for await (const { loss, lr } of jsonLines(join(dir, 'log.jsonl'), logLineSchema)) {
    if (loss === undefined || lr === undefined) continue;
    made.rates.push(lr);
    made.losses.push(loss);
  }
  return made;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UserError(
      `${file} cannot be written (${String(error)}): make room, or choose another folder with --out.`,
    );
  }
}

function tell(output: TrainingOutput, search: RateSearch, brokeOff: boolean, plot: string): void {
  const { rates, valley, diverges, suggestion } = search;
  const [first, last] = [rates[0] ?? 0, rates.at(-1) ?? 0];
  output.say('');
  for (const line of textPlot(search)) output.say(line);
  output.say('');
  if (brokeOff) output.say(`The numbers ran away after rate ${rateInWords(last)}: the search ends there.`);
  output.say(
    `The valley, the lowest smoothed loss, is at rate ${rateInWords(valley)} (10^${Math.log10(valley).toFixed(2)}).`,
  );
  if (diverges !== null) output.say(`Training diverges at rate ${rateInWords(diverges)}.`);
  else if (valley > last / EDGE) output.say('The loss still falls at the last rate: search higher with --to.');
  else output.say(`Training diverged at no rate up to ${rateInWords(last)}.`);
  if (valley < first * EDGE) output.say('The loss rises from the first rate on: search lower with --from.');
  output.say(`Suggestion: --set 'schedule={name: constant, lr: ${rateInWords(suggestion)}}'`);
  output.say(`Picture: ${plot}`);
}
