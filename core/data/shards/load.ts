/** Opens a folder of shards, and makes sure that they are what was made. Node only. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../disk/errors.ts';
import { nodeDisk } from '../../disk/nodeDisk.ts';
import { UserError } from '../../errors.ts';
import { keptTokenizer } from '../../tokenizer/kept.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { bytesPerIdOf, HEADER_BYTES, MANIFEST, type Making, readHeader, type Shard } from './format.ts';
import { readManifest } from './manifest.ts';
import { hashFile } from './writer.ts';

export interface LoadedShards {
  readonly kind: 'shards';
  /** The folder. */
  readonly name: string;
  /** Of the shards' hashes, in hex: identifies the data. */
  readonly sha256: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerSha256: string;
  /** Their paths and lengths, in their order. */
  readonly shards: readonly { readonly path: string; readonly tokens: number }[];
}

/** @throws UserError where there are none, they are not finished, or one is not as it was made */
export async function loadShards(dir: string): Promise<LoadedShards> {
  const manifest = await readManifest(dir);
  if (manifest === null)
    throw new UserError(
      `${dir} is a directory: give the path of a text file, or a folder of shards that manygrad tokenizer shard has made.`,
    );
  const { making, shards, done } = manifest;
  if (!done)
    throw new UserError(`the shards in ${dir} are not finished: call manygrad tokenizer shard again, which goes on.`);
  for (const shard of shards) await check(dir, shard, making);
  const { tokenizerSha256, vocabSize, bytesPerId } = making;
  const tokenizer = await keptTokenizer(dir, tokenizerSha256, nodeDisk);
  if (tokenizer.vocabSize !== vocabSize || bytesPerId !== bytesPerIdOf(vocabSize))
    throw new UserError(
      `${join(dir, MANIFEST)} is damaged, its ids are not those of its tokenizer: make the shards again in a new folder.`,
    );
  return {
    kind: 'shards',
    name: dir,
    sha256: createHash('sha256')
      .update(shards.map((shard) => shard.sha256).join('\n'))
      .digest('hex'),
    tokenizer,
    tokenizerSha256,
    shards: shards.map(({ file, tokens }) => ({ path: join(dir, file), tokens })),
  };
}

async function check(dir: string, { file, tokens, sha256 }: Shard, making: Making): Promise<void> {
  const path = join(dir, file);
  try {
    const header = readHeader(await beginning(path));
    if (header !== null && header.tokenizerSha256 !== making.tokenizerSha256)
      throw new UserError(
        `${path} was made with another tokenizer than ${join(dir, MANIFEST)} says: put the folder's own shard back.`,
      );
    const { bytesPerId, vocabSize, endOfText } = making;
    const isSame =
      header?.tokens === tokens &&
      header.bytesPerId === bytesPerId &&
      header.vocabSize === vocabSize &&
      header.endOfText === endOfText;
    if (isSame && (await hashFile(path)) === sha256) return;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${path} cannot be read (${codeOf(error) ?? String(error)}): restore it, or make the shards again in a new folder.`,
    );
  }
  throw new UserError(`${path} is not as it was made: restore it, or make the shards again in a new folder.`);
}

async function beginning(path: string): Promise<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    const bytes = new Uint8Array(HEADER_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, HEADER_BYTES, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
