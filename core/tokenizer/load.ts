/** Opens a tokenizer by the name under which it was published, or from a file of any format that is known. Node only. */
import { readFile } from 'node:fs/promises';
import { codeOf } from '../disk/errors.ts';
import { UserError } from '../errors.ts';
import { DESCRIPTION_FORMAT, descriptionSchema, fromDescription } from './description.ts';
import { isMinbpe, readMinbpe } from './formats/minbpe.ts';
import { PUBLISHED, publishedTokenizer } from './published.ts';
import { isSentencePieceModel, readSentencePieceModel } from './sentencePiece/model.ts';
import type { Tokenizer } from './tokenizer.ts';
import { toText } from './utf8.ts';

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

/** @param from what to call the file. @throws UserError where its format is not known, or it is damaged */
export function parseTokenizer(bytes: Uint8Array, from: string): Tokenizer {
  if (isSentencePieceModel(bytes)) return readSentencePieceModel(bytes, from);
  const text = toText(bytes);
  if (isMinbpe(text)) return readMinbpe(text, from);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${from} is no tokenizer: give a minbpe .model file or a tokenizer.json.`);
  }
  if (typeof value === 'object' && value !== null && 'format' in value && value.format === DESCRIPTION_FORMAT) {
    const described = descriptionSchema.safeParse(value);
    if (described.success) return fromDescription(described.data);
  }
  throw new UserError(`${from} is no tokenizer: give a minbpe .model file or a tokenizer.json.`);
}
