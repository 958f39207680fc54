/** A sweep's file and what it asks for: every combination of its values, with every seed. Pure: it makes no recipe and no run. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { UserError } from '../../core/errors.ts';

const named = { error: 'must be a field and its values, as in  schedule.lr: [0.05, 0.1]' };

const sweepSchema = z.strictObject({
  /** A preset, or the path of a recipe or of a model file. */
  base: z.string().min(1),
  /** Changes for all runs: `schedule.lr` and its value. */
  set: z.record(z.string().min(1), z.unknown(), named).default({}),
  /** `schedule.lr` and the values that it is to have, one after the other. */
  grid: z.record(z.string().min(1), z.array(z.unknown()).min(1), named).default({}),
  /** Every combination is trained with each; with the base's own seed alone when left out. */
  seeds: z.array(z.int()).min(1).optional(),
  steps: z.int().positive().optional(),
  data: z.string().min(1).optional(),
});

export type Sweep = z.infer<typeof sweepSchema>;

/** A value for each field of the grid. */
export interface Combination {
  /** Names it in a table and a folder: no two of a sweep have the same, and it depends on nothing but the fields and values. */
  readonly label: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Fields that have a place of their own in the file. */
const OWN: Readonly<Record<string, string>> = {
  seed: 'list the seeds under "seeds"',
  data: 'write the file under "data"',
};

/** Checks what a sweep's file holds. @param from what to call it. @throws UserError naming the first thing that is wrong */
export function parseSweep(value: unknown, from: string): Sweep {
  const parsed = sweepSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
    throw new UserError(`${from} is no sweep (${where}${issue?.message ?? 'unknown'}): see docs/experiments.md.`);
  }
  const sweep = parsed.data;
  for (const field of [...Object.keys(sweep.set), ...Object.keys(sweep.grid)]) {
    const instead = OWN[field];
    if (instead !== undefined) throw new UserError(`${from} has "${field}" among its fields: ${instead}.`);
  }
  if ('steps' in sweep.set)
    throw new UserError(`${from} has "steps" under "set": write it beside that, as  steps: 1000.`);
  for (const [field, values] of Object.entries(sweep.grid)) {
    if (field in sweep.set || (field === 'steps' && sweep.steps !== undefined))
      throw new UserError(`${from} gives "${field}" twice, once for all runs and once in the grid: leave out one.`);
    const twice = repeated(values.map((v) => JSON.stringify(v)));
    if (twice !== null) throw new UserError(`${from} lists ${twice} twice at grid.${field}: once is enough.`);
  }
  const twice = repeated((sweep.seeds ?? []).map(String));
  if (twice !== null) throw new UserError(`${from} lists the seed ${twice} twice: once is enough.`);
  return sweep;
}

function repeated(texts: readonly string[]): string | null {
  return texts.find((text, i) => texts.indexOf(text) < i) ?? null;
}

/** Every combination of the grid's values, the last field changing fastest; one without fields if there is no grid. */
export function combinations(grid: Sweep['grid']): Combination[] {
  const fields = Object.entries(grid);
  let all: (readonly (readonly [string, unknown])[])[] = [[]];
  for (const [field, values] of fields)
    all = all.flatMap((chosen) => values.map((value) => [...chosen, [field, value] as const]));
  const names = Object.keys(grid).map((field) => shortName(field, Object.keys(grid)));
  return all.map((chosen) => {
    const parts = chosen.map(([, value], i) => `${names[i]}=${valueInWords(value)}`);
    return { label: folderName(parts.join(','), chosen), values: Object.fromEntries(chosen) };
  });
}

/** The last part of a field's path, or the whole where another field ends in the same. */
function shortName(field: string, fields: readonly string[]): string {
  const last = (path: string) => path.split('.').at(-1) ?? path;
  return fields.filter((other) => last(other) === last(field)).length > 1 ? field : last(field);
}

/** A value as a table shows it: plain, or in JSON. */
export const valueInWords = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const LONGEST = 60;

/** Text as a folder may be called; where that changes it, a hash of what it stands for keeps it one of a kind. */
function folderName(text: string, what: unknown): string {
  if (text === '') return 'base';
  const plain = text.replaceAll(/[^\w.=,+-]+/g, '_');
  if (plain === text && text.length <= LONGEST) return text;
  const hash = createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 8);
  return `${plain.slice(0, LONGEST)}-${hash}`;
}
