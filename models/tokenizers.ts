/**
 * The tokenizer that a recipe's text is spelled by, where that is not its characters: found by name or path when a run begins, and
 * kept in its folder from then on, so that nothing else is needed to go on. Node only.
 */
import type { Disk } from '../core/disk/disk.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import { hashOf } from '../core/tokenizer/description.ts';
import { keptTokenizer } from '../core/tokenizer/kept.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import type { Recipe } from './recipe.ts';

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

/** The one that a run's folder keeps; null where its recipe, resolved, spells characters. @throws UserError if it is gone, or another */
export async function tokenizerOfRun(dir: string, { data }: Recipe, disk: Disk = nodeDisk): Promise<Tokenizer | null> {
  return data.tokenizerSha256 === undefined ? null : keptTokenizer(dir, data.tokenizerSha256, disk);
}
