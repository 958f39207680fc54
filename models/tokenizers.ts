/**
 * The tokenizer that a recipe's text is spelled by, where that is not its characters: found by name or path when a run begins, and
 * kept in its folder from then on, so that nothing else is needed to go on. Node only.
 */
import { join } from 'node:path';
import type { Disk } from '../core/disk/disk.ts';
import { readIfThere, replaceFile } from '../core/disk/files.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { describe, hashOf } from '../core/tokenizer/description.ts';
import { loadTokenizer, parseTokenizer } from '../core/tokenizer/load.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { toBytes } from '../core/tokenizer/utf8.ts';
import type { Recipe } from './recipe.ts';

/** What a folder, of a run or of shards, keeps its tokenizer in. */
export const TOKENIZER = 'tokenizer.json';

/** The one that a new run's recipe asks for; null where it asks for none. @throws UserError if it cannot be had, or is another */
export async function askedTokenizer({ data }: Recipe): Promise<Tokenizer | null> {
  if (data.tokenizer === undefined) return null;
  const tokenizer = await loadTokenizer(data.tokenizer);
  if (data.tokenizerSha256 !== undefined && hashOf(tokenizer) !== data.tokenizerSha256)
    throw new UserError(
      `${data.tokenizer} is not the tokenizer of data.tokenizerSha256: give that one, or leave the hash out.`,
    );
  return tokenizer;
}

/**
 * The one that a run's folder keeps; null where its recipe, resolved, spells text in characters.
 * @throws UserError if it is gone, or is not the run's
 */
export async function keptTokenizer(dir: string, { data }: Recipe, disk: Disk = nodeDisk): Promise<Tokenizer | null> {
  if (data.tokenizerSha256 === undefined) return null;
  const file = join(dir, TOKENIZER);
  const bytes = await readIfThere(disk, file);
  if (bytes === null)
    throw new UserError(
      `${file} is missing, and what is here was trained on the tokens of a tokenizer: put the ${TOKENIZER} of the run's folder there.`,
    );
  const tokenizer = parseTokenizer(bytes, file);
  if (hashOf(tokenizer) !== data.tokenizerSha256)
    throw new UserError(
      `${file} is not the tokenizer that this run was started with: put the run's own ${TOKENIZER} back.`,
    );
  return tokenizer;
}

/** Puts it in a folder. @throws UserError if it has no form to be kept in */
export async function keepTokenizer(dir: string, tokenizer: Tokenizer, disk: Disk): Promise<void> {
  const bytes = toBytes(`${JSON.stringify(describe(tokenizer))}\n`);
  await replaceFile(disk, join(dir, TOKENIZER), (handle) => handle.write(bytes));
}
