/** config.json: what the run in a folder is of. With the data's bytes, all that its trajectory depends on. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { Disk } from '../core/disk/disk.ts';
import { codeOf } from '../core/disk/errors.ts';
import { readIfThere, replaceFile } from '../core/disk/files.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { recipeSchema } from '../models/recipe.ts';

export const CONFIG = 'config.json';

const runConfigSchema = z.strictObject({
  format: z.literal('manygrad-run-1'),
  recipe: recipeSchema,
  /** SHA-256 of the data file's bytes. */
  dataSha256: z.string(),
});

export type RunConfig = z.infer<typeof runConfigSchema>;

/** @throws UserError if the folder holds no run, or a damaged config.json */
export async function readConfig(dir: string, disk: Disk = nodeDisk): Promise<RunConfig> {
  const file = join(dir, CONFIG);
  const text = await readText(disk, file);
  if (text === null)
    throw new UserError(`${dir} holds no run (there is no ${file}): give the folder that a run was written to.`);
  try {
    return runConfigSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${file} is damaged or of another version: restore it, or start a new run with --out.`);
  }
}

/** Where it says the same already, nothing is written: a run on a full disk can be resumed. */
export async function writeConfig(dir: string, config: RunConfig, disk: Disk): Promise<void> {
  const file = join(dir, CONFIG);
  const text = `${JSON.stringify(config, null, 2)}\n`;
  if (isDeepStrictEqual(parseJson((await readText(disk, file)) ?? ''), JSON.parse(text))) return;
  await replaceFile(disk, file, (handle) => handle.write(new TextEncoder().encode(text)));
}

/** Null if there is no such file. */
async function readText(disk: Disk, file: string): Promise<string | null> {
  try {
    const bytes = await readIfThere(disk, file);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return null;
    throw new UserError(`${file} cannot be read (${String(error)}): mend that, or give another folder.`);
  }
}
