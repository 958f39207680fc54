/**
 * Opens a tokenizer by the name under which it was published, or from a file or a folder in any format that is known, told by what is
 * in it. Node only.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../disk/errors.ts';
import { UserError } from '../errors.ts';
import { readGpt2Files } from './formats/gpt2Files.ts';
import { naming, parseTokenizer } from './formats/read.ts';
import { PUBLISHED, publishedTokenizer } from './published.ts';
import type { Tokenizer } from './tokenizer.ts';
import { toText } from './utf8.ts';

/** Two files that are one tokenizer, as OpenAI and as Hugging Face call them. */
const TWO_FILES = [
  ['encoder.json', 'vocab.bpe'],
  ['vocab.json', 'merges.txt'],
] as const;

/** @throws UserError where there is none, or its format is not known */
export async function loadTokenizer(nameOrPath: string): Promise<Tokenizer> {
  if (PUBLISHED.includes(nameOrPath)) return publishedTokenizer(nameOrPath);
  const path = await fileOf(nameOrPath);
  const two = TWO_FILES.find((names) => names.some((name) => name === basename(path)));
  if (two === undefined) return parseTokenizer(await read(path), path);
  const [encoder, merges] = two.map((name) => join(dirname(path), name));
  const texts = await Promise.all([encoder ?? path, merges ?? path].map(async (file) => toText(await read(file))));
  return naming(path, () => readGpt2Files(texts[0] ?? '', texts[1] ?? '', path));
}

/** The tokenizer's file in a folder; a file itself. */
async function fileOf(path: string): Promise<string> {
  if (!(await isFolder(path))) return path;
  for (const name of ['tokenizer.json', ...TWO_FILES.map(([encoder]) => encoder)]) {
    const file = join(path, name);
    if (await exists(file)) return file;
  }
  throw new UserError(
    `there is no tokenizer in the folder ${path}: it should hold a tokenizer.json, or encoder.json and vocab.bpe.`,
  );
}

const isFolder = async (path: string): Promise<boolean> => (await statOf(path))?.isDirectory() ?? false;
const exists = async (path: string): Promise<boolean> => (await statOf(path)) !== null;
const statOf = (path: string) => stat(path).catch(() => null);

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UserError(
      `the tokenizer ${path} cannot be read (${codeOf(error) ?? String(error)}): give the path of a tokenizer's file, or one of ${PUBLISHED.join(', ')}.`,
    );
  }
}
