/**
 * Makes shards of texts. After each shard the manifest says how far the inputs have been read, so that whoever starts again goes on
 * from there, to the same bytes: they are a function of the inputs, the tokenizer and the options, and not of threads or kills. Node only.
 */
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { codeOf } from '../../disk/errors.ts';
import { openIfThere } from '../../disk/files.ts';
import { lockFolder } from '../../disk/lock.ts';
import { nodeDisk } from '../../disk/nodeDisk.ts';
import { UserError } from '../../errors.ts';
import { describe, hashOf } from '../../tokenizer/description.ts';
import { keepTokenizer, TOKENIZER } from '../../tokenizer/kept.ts';
import { END_OF_TEXT } from '../../tokenizer/special.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { type DocumentOptions, documentsOf } from './documents.ts';
import { type EncodedBatch, encodeAll } from './encode.ts';
import {
  bytesPerIdOf,
  HEADER_BYTES,
  MANIFEST,
  type Making,
  type Manifest,
  type Place,
  type Shard,
  type ShardHeader,
} from './format.ts';
import { findInputs, type Input } from './inputs.ts';
import { readManifest, writeManifest } from './manifest.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { ShardWriter } from './writer.ts';

export interface ShardOptions extends DocumentOptions {
  /** Files, and folders of them. */
  readonly inputs: readonly string[];
  readonly tokenizer: Tokenizer;
  /** The folder for them. */
  readonly out: string;
  readonly shardTokens: number;
  readonly threads: number;
}

/** How far it is: all that has been written, before this call as well. */
export interface ShardProgress {
  readonly tokens: number;
  readonly documents: number;
  readonly shards: number;
  /** UTF-16 units that this call has encoded. */
  readonly units: number;
}

/** @returns the finished manifest. @throws UserError */
export async function makeShards(
  options: ShardOptions,
  progress?: (progress: ShardProgress) => void,
): Promise<Manifest> {
  try {
    return await makeThem(options, progress);
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof UserError || code === undefined) throw error;
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new UserError(`${options.out} is, or is in, a file: choose a folder for the shards with --out.`);
    throw new UserError(
      `the shards in ${options.out} cannot be made (${code}): mend that, or make room, and call it again, which goes on.`,
    );
  }
}

async function makeThem(options: ShardOptions, progress?: (progress: ShardProgress) => void): Promise<Manifest> {
  const inputs = await findInputs(options.inputs, options.out);
  const making = makingOf(options, inputs);
  await nodeDisk.makeFolder(options.out);
  // Another would write to the same files, and each would say of the other's that they are its own.
  const lock = await lockFolder(options.out, 'shards.lock', 'making shards', nodeDisk);
  try {
    return await makeLocked(options, inputs, making, progress);
  } finally {
    await lock.release();
  }
}

async function makeLocked(
  options: ShardOptions,
  inputs: readonly Input[],
  making: Making,
  progress?: (progress: ShardProgress) => void,
): Promise<Manifest> {
  const manifest = await begin(options, making);
  if (manifest.done) return manifest;
  const { tokenizer, threads } = options;
  const { bytesPerId, endOfText } = making;
  const data = { tokenizer: describe(tokenizer), endOfText, bytesPerId };
  const shards = new Shards(options.out, manifest);
  try {
    let units = 0;
    for await (const batch of encodeAll(piecesFrom(manifest.at, inputs, options), data, threads)) {
      await shards.take(batch);
      for (const { units: more } of batch.places) units += more;
      progress?.({ ...shards.progress, units });
    }
    return await shards.end();
  } catch (error) {
    await shards.drop();
    throw error;
  }
}

function makingOf(options: ShardOptions, inputs: readonly Input[]): Making {
  const { tokenizer, shardTokens, textField, separator } = options;
  const endOfText = tokenizer.special.get(END_OF_TEXT);
  if (endOfText === undefined)
    throw new UserError(
      `every document is to begin with ${END_OF_TEXT}, which this tokenizer does not have: give it that special token, or choose another, such as gpt2.`,
    );
  const { vocabSize } = tokenizer;
  return {
    tokenizerSha256: hashOf(tokenizer),
    ...{ vocabSize, bytesPerId: bytesPerIdOf(vocabSize), endOfText, shardTokens, textField, separator },
    inputs: inputs.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
  };
}

/** What is there already of the same, or nothing yet. @throws UserError where it is of something else */
async function begin({ out, tokenizer }: ShardOptions, making: Making): Promise<Manifest> {
  const found = await readManifest(out);
  // One of which nothing has been made is in nobody's way.
  if (found === null || found.shards.length === 0) {
    if (found === null && (await nodeDisk.list(out)).some((name) => name.endsWith('.bin')))
      throw new UserError(`${out} holds .bin files and no ${MANIFEST}: choose another folder with --out.`);
    const at = { input: 0, piece: 0, tokens: 0 };
    const manifest: Manifest = { format: 'manygrad-shards-1', making, shards: [], documents: 0, at, done: false };
    await writeManifest(out, manifest);
    await keepTokenizer(out, tokenizer, nodeDisk);
    return manifest;
  }
  const other = Object.entries(making).find(
    ([key, value]) => !isDeepStrictEqual(value, Object.entries(found.making).find(([k]) => k === key)?.[1]),
  );
  if (other !== undefined)
    throw new UserError(
      `${out} holds shards made with another ${WORDS[other[0]] ?? other[0]}: ask for the same, or choose another folder with --out.`,
    );
  for (const shard of found.shards) await checkWhole(out, shard, making);
  await keepTokenizer(out, tokenizer, nodeDisk);
  return found;
}

/** Whether a shard that was made is still there, and as long. All of it is read when it is trained on. @throws UserError */
async function checkWhole(out: string, { file, tokens }: Shard, { bytesPerId }: Making): Promise<void> {
  const path = join(out, file);
  const found = await openIfThere(nodeDisk, path);
  const bytes = found === null ? 0 : await found.size().finally(() => found.close());
  if (bytes !== HEADER_BYTES + tokens * bytesPerId)
    throw new UserError(`${path} is not as it was made: restore it, or make the shards again in a new folder.`);
}

const WORDS: Readonly<Record<string, string>> = {
  tokenizerSha256: 'tokenizer',
  inputs: 'set of inputs, or other contents of them',
  shardTokens: '--shard-tokens',
  textField: '--text-field',
  separator: '--document-separator',
};

/** Where a piece is, and its length. */
interface PlacedPiece {
  readonly input: number;
  readonly piece: number;
  /** Of its tokens so many are in shards already. */
  readonly skip: number;
  readonly begins: boolean;
  readonly units: number;
}

/** The pieces from a place on. Those before it are read again, but not encoded. */
async function* piecesFrom(
  at: Place,
  inputs: readonly Input[],
  options: ShardOptions,
): AsyncGenerator<readonly [Piece, PlacedPiece]> {
  for (const [input, found] of inputs.entries()) {
    if (input < at.input) continue;
    let piece = 0;
    for await (const next of piecesOf(documentsOf(found, options), options.tokenizer)) {
      const isBefore = input === at.input && piece < at.piece;
      const skip = input === at.input && piece === at.piece ? at.tokens : 0;
      if (!isBefore) yield [next, { input, piece, skip, begins: next.begins, units: next.text.length }];
      piece++;
    }
  }
}

/** The shards that are written, and what the manifest says of them. */
class Shards {
  readonly #dir: string;
  readonly #header: ShardHeader;
  #manifest: Manifest;
  #documents: number;
  #tokens: number;
  #writer: ShardWriter | null = null;

  constructor(dir: string, manifest: Manifest) {
    const { shardTokens, bytesPerId, vocabSize, endOfText, tokenizerSha256 } = manifest.making;
    this.#dir = dir;
    this.#manifest = manifest;
    this.#documents = manifest.documents;
    this.#tokens = manifest.shards.reduce((total, { tokens }) => total + tokens, 0);
    this.#header = { tokens: shardTokens, bytesPerId, vocabSize, endOfText, tokenizerSha256 };
  }

  get progress(): Omit<ShardProgress, 'units'> {
    return { tokens: this.#tokens, documents: this.#documents, shards: this.#manifest.shards.length };
  }

  async take({ places, encoded: { ids, counts } }: EncodedBatch<PlacedPiece>): Promise<void> {
    let from = 0;
    for (const [i, { input, piece, skip, begins }] of places.entries()) {
      const count = counts[i] ?? 0;
      if (begins && skip === 0) this.#documents++;
      for (let done = skip; done < count; ) {
        this.#writer ??= await this.#begin();
        const more = Math.min(count - done, this.#writer.room);
        await this.#writer.add(ids.subarray(from + done, from + done + more));
        done += more;
        this.#tokens += more;
        if (this.#writer.room === 0) await this.#finish(this.#writer, { input, piece, tokens: done }, false);
      }
      from += count;
    }
  }

  /** @throws UserError where there is no more than what is to validate on, which then is not kept */
  async end(): Promise<Manifest> {
    const { making, at, shards } = this.#manifest;
    const count = shards.length + (this.#writer === null ? 0 : 1);
    if (count < 2) {
      await this.drop();
      for (const { file } of shards) await nodeDisk.remove(join(this.#dir, file));
      for (const name of [MANIFEST, TOKENIZER]) await nodeDisk.remove(join(this.#dir, name));
      const n = (tokens: number) => tokens.toLocaleString('en');
      throw new UserError(
        this.#tokens === 0
          ? 'the inputs have no text: give some that have.'
          : `the inputs have ${n(this.#tokens)} tokens, which one shard of ${n(making.shardTokens)} holds, and that is to validate on: try --shard-tokens ${Math.ceil(this.#tokens / 10)}, or give more text.`,
      );
    }
    if (this.#writer !== null) await this.#finish(this.#writer, at, true);
    else await this.#save({ ...this.#manifest, done: true });
    return this.#manifest;
  }

  /** Leaves the shard that is begun. */
  async drop(): Promise<void> {
    await this.#writer?.drop();
    this.#writer = null;
  }

  #begin(): Promise<ShardWriter> {
    const number = String(this.#manifest.shards.length).padStart(6, '0');
    return ShardWriter.begin(this.#dir, `${basename(resolve(this.#dir))}-${number}.bin`, this.#header);
  }

  async #finish(writer: ShardWriter, at: Place, done: boolean): Promise<void> {
    this.#writer = null;
    const shard = await writer.end();
    const { shards, ...rest } = this.#manifest;
    await this.#save({ ...rest, shards: [...shards, shard], documents: this.#documents, at, done });
  }

  async #save(manifest: Manifest): Promise<void> {
    await writeManifest(this.#dir, manifest);
    this.#manifest = manifest;
  }
}
