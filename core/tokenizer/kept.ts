/** The tokenizer that a folder, of a run or of shards, keeps beside what was made with it. Node only. */
import { join } from 'node:path';
import type { Disk } from '../disk/disk.ts';
import { readIfThere, replaceFile } from '../disk/files.ts';
import { UserError } from '../errors.ts';
import { describe, hashOf } from './description.ts';
import { parseTokenizer } from './formats/read.ts';
import type { Tokenizer } from './tokenizer.ts';
import { toBytes } from './utf8.ts';

/** Its file. */
export const TOKENIZER = 'tokenizer.json';

/** Puts it in a folder. @throws UserError if it has no form to be kept in */
export async function keepTokenizer(dir: string, tokenizer: Tokenizer, disk: Disk): Promise<void> {
  const bytes = toBytes(`${JSON.stringify(describe(tokenizer))}\n`);
  await replaceFile(disk, join(dir, TOKENIZER), (handle) => handle.write(bytes));
}

/** The one of a hash. @throws UserError if the folder has none, or another */
export async function keptTokenizer(dir: string, sha256: string, disk: Disk): Promise<Tokenizer> {
  const file = join(dir, TOKENIZER);
  const bytes = await readIfThere(disk, file);
  if (bytes === null)
    throw new UserError(
      `${file} is missing, the tokenizer of the tokens that are used there: put the ${TOKENIZER} of the folder that it came from beside it.`,
    );
  const tokenizer = parseTokenizer(bytes, file);
  if (hashOf(tokenizer) !== sha256)
    throw new UserError(
      `${file} is another tokenizer than the one used there: put the folder's own ${TOKENIZER} back.`,
    );
  return tokenizer;
}
