/** Trainings of the acceptance: the command line itself, one run a seed, and what its summary says. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Check, Outcome } from './check.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where makemore's names.txt and tiny Shakespeare lie, if they are there. */
export const dataDir = process.env.MANYGRAD_DATA ?? join(root, '..', 'shared', 'data');
/** Where the runs go. */
export const runsDir = join(root, 'runs', 'acceptance');

const SCRATCH = `scratch-${process.pid}-`;
/** The folder's name of a run that is made anew each time, and not kept: see discardScratch. */
export const scratch = (name: string): string => `${SCRATCH}${name}`;
/** Removes the folders of this process that are not kept. */
export function discardScratch(): void {
  const names = existsSync(runsDir) ? readdirSync(runsDir) : [];
  for (const name of names.filter((n) => n.startsWith(SCRATCH))) rmSync(join(runsDir, name), { recursive: true });
}

const summarySchema = z.object({
  complete: z.boolean(),
  trainLoss: z.number().nullable(),
  valLoss: z.number().nullable(),
  parameters: z.number(),
  seconds: z.number(),
});
type Summary = z.infer<typeof summarySchema>;

/** Runs `manygrad` to its end. @throws Error with what it said if it failed */
export async function manygrad(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['cli.ts', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`manygrad ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** Trains in a folder of its own; one that holds the finished run is taken as it is. */
export async function train(name: string, args: readonly string[]): Promise<{ dir: string; summary: Summary }> {
  const dir = join(runsDir, name);
  const done = readSummary(dir);
  if (done !== null) return { dir, summary: done };
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(runsDir, { recursive: true });
  await manygrad(['train', ...args, '--out', dir, '--quiet']);
  const summary = readSummary(dir);
  if (summary === null) throw new Error(`${dir} has no summary of a finished run`);
  return { dir, summary };
}

/** Training losses by step, from log.jsonl. */
export function stepLosses(dir: string): number[] {
  const lines = readFileSync(join(dir, 'log.jsonl'), 'utf8').trim().split('\n');
  return lines.flatMap((line) => z.object({ loss: z.number().optional() }).parse(JSON.parse(line)).loss ?? []);
}

function readSummary(dir: string): Summary | null {
  const file = join(dir, 'summary.json');
  if (!existsSync(file)) return null;
  const summary = summarySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return summary.complete ? summary : null;
}

interface TrainingSpec {
  readonly id: string;
  readonly what: string;
  /** The lecture's losses: a number, or the two ends of what it showed. */
  readonly lecture: { readonly train?: readonly number[]; readonly val: readonly number[] };
  /** How far a mean over the seeds may be off. */
  readonly within: number;
  readonly seeds: readonly number[];
  readonly data: 'names.txt' | 'tinyshakespeare.txt';
  /** What follows `manygrad train`, but for data and seed. */
  readonly args: readonly string[];
  readonly quick?: boolean;
  /** 1 when left out: other checks use the other cores. */
  readonly threads?: number;
}

/** A training as a check: the mean of the final losses over the seeds, next to the lecture's. */
export function training(spec: TrainingSpec): Check {
  const { id, what, lecture, seeds, data, args, threads = 1 } = spec;
  const common = [...args, '--threads', `${threads}`, '--samples', '0', '--eval-every', '0'];
  return {
    id,
    section: Number(id[0]),
    what,
    lecture: [lecture.train ?? [], lecture.val]
      .filter((l) => l.length > 0)
      .map((l) => l.join('–'))
      .join(' / '),
    quick: spec.quick ?? false,
    needs: data,
    seeds: seeds.join(', '),
    command: `manygrad train ${args.map(quoted).join(' ')} --data ${data} --seed …`,
    run: async () => {
      const summaries: Summary[] = [];
      for (const seed of seeds) {
        const rest = ['--data', join(dataDir, data), '--seed', `${seed}`];
        summaries.push((await train(`${id}-${seed}`, [...common, ...rest])).summary);
      }
      return outcome(spec, summaries);
    },
  };
}

function outcome({ lecture, within }: TrainingSpec, summaries: readonly Summary[]): Outcome {
  const train = spread(summaries.map(({ trainLoss }) => trainLoss ?? Number.NaN));
  const val = spread(summaries.map(({ valLoss }) => valLoss ?? Number.NaN));
  const near = (mean: number, to: readonly number[] | undefined) =>
    to === undefined || (mean >= Math.min(...to) - within && mean <= Math.max(...to) + within);
  return {
    ours: [...(lecture.train === undefined ? [] : [train.shown]), val.shown].join(' / '),
    holds: near(train.mean, lecture.train) && near(val.mean, lecture.val),
    values: { train: train.mean, val: val.mean, parameters: summaries[0]?.parameters ?? 0 },
  };
}

function spread(values: readonly number[]): { mean: number; shown: string } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return {
    mean,
    shown: values.length === 1 ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${Math.sqrt(variance).toFixed(3)}`,
  };
}

/** As a shell wants it. */
export const quoted = (arg: string): string => (/^[\w.=:/,-]+$/.test(arg) ? arg : `'${arg}'`);
