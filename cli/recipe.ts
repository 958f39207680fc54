/** From a command's words to a recipe: a preset or a file, then the flags that change single fields of it. */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'yaml';
import { UserError } from '../core/errors.ts';
import { bundleModelFile } from '../deploy/modelFile.ts';
import { loadCode } from '../models/loadCode.ts';
import { presetRecipe } from '../models/presets.ts';
import { parseRecipe, type Recipe } from '../models/recipe.ts';

/** A change of a recipe: `schedule.lr`, and the value that it is to have. */
export type Field = readonly [path: string, value: unknown];

export interface RecipeFlags {
  readonly steps?: number | undefined;
  readonly seed?: number | undefined;
  readonly data?: string | undefined;
  readonly tokenizer?: string | undefined;
  /** `path.to.field=value`, the value in YAML. */
  readonly set?: readonly string[] | undefined;
}

/**
 * @param target a preset's name, or the path of a recipe (.yaml) or of a model file (.ts, .js)
 * @param fields changes that a command makes by itself, after those of the flags
 * @param from what to call the recipe in an error
 * @throws UserError
 */
export async function recipeFrom(
  target: string,
  flags: RecipeFlags,
  fields: readonly Field[] = [],
  from?: string,
): Promise<Recipe> {
  const isModel = /\.[cm]?[jt]s$/.test(target);
  const isFile = isModel || /\.ya?ml$/.test(target);
  const base: unknown = isModel
    ? await modelRecipe(target, flags.steps)
    : isFile
      ? readYaml(target)
      : presetRecipe(target, flags.steps);
  const changes: Field[] = (flags.set ?? []).map(parseSetting);
  if (flags.steps !== undefined) changes.push(['steps', flags.steps]);
  if (flags.seed !== undefined) changes.push(['seed', flags.seed]);
  if (flags.data !== undefined) changes.push(['data.source', flags.data]);
  if (flags.tokenizer !== undefined) changes.push(['data.tokenizer', flags.tokenizer]);
  changes.push(...fields);
  const recipe = changes.reduce<unknown>((value, [path, to]) => withField(value, path.split('.'), to), base);
  return parseRecipe(recipe, from ?? (isFile ? target : 'the preset with these --set values'));
}

/** A model file's recipe: its own fields over those that suit most small models. @throws UserError */
async function modelRecipe(file: string, steps: number | undefined): Promise<unknown> {
  if (!existsSync(file)) throw new UserError(`${file} cannot be read: give the path of a model file.`);
  const code = await bundleModelFile(file);
  const { learnsFrom, blockSize, recipe = {} } = await loadCode(code, file);
  const model = { name: 'custom', title: basename(file).slice(0, 100), learnsFrom, blockSize, code };
  const base = presetRecipe(learnsFrom === 'text' ? 'text-gpt' : 'names-mlp', steps);
  return { ...base, ...recipe, model };
}

/** @throws UserError */
export function readYaml(file: string, what = 'a recipe'): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new UserError(`${file} cannot be read: give the path of ${what} in YAML.`);
  }
  try {
    return parse(text);
  } catch (error) {
    throw new UserError(`${file} is not valid YAML (${String(error).split('\n')[0]}): mend it there.`);
  }
}

function parseSetting(setting: string): [string, unknown] {
  const at = setting.indexOf('=');
  if (at < 1) throw new UserError(`--set ${setting} has no "=": write it as --set schedule.lr=0.05.`);
  try {
    return [setting.slice(0, at), parse(setting.slice(at + 1))];
  } catch {
    throw new UserError(`--set ${setting}: the value is not valid YAML; write it as --set schedule.lr=0.05.`);
  }
}

function withField(value: unknown, [key, ...rest]: string[], to: unknown): unknown {
  if (key === undefined) return to;
  const fields = typeof value === 'object' && value !== null ? value : {};
  return { ...fields, [key]: withField(Object.entries(fields).find(([k]) => k === key)?.[1], rest, to) };
}
