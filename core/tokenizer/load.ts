/** Opens a tokenizer by the name under which it was published, or from a file of any format that is known. Node only. */
import { readFile } from 'node:fs/promises';
import { codeOf } from '../disk/errors.ts';
import { UserError } from '../errors.ts';
import { parseTokenizer } from './formats/read.ts';
import { PUBLISHED, publishedTokenizer } from './published.ts';
import type { Tokenizer } from './tokenizer.ts';

/** @throws UserError where there is none, or its format is not known */
export async function loadTokenizer(nameOrPath: string): Promise<Tokenizer> {
  if (PUBLISHED.includes(nameOrPath)) return publishedTokenizer(nameOrPath);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(nameOrPath);
  } catch (error) {
    throw new UserError(
      `the tokenizer ${nameOrPath} cannot be read (${codeOf(error) ?? String(error)}): give the path of a tokenizer's file, or one of ${PUBLISHED.join(', ')}.`,
    );
  }
  return parseTokenizer(bytes, nameOrPath);
}
