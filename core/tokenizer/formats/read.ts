/** Reads a tokenizer out of a file's bytes, whichever of the known formats they are in. Where the bytes come from is not its business. */
import { UserError } from '../../errors.ts';
import { DESCRIPTION_FORMAT, descriptionSchema, fromDescription } from '../description.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { toText } from '../utf8.ts';
import { isMinbpe, readMinbpe } from './minbpe.ts';

/** @param from what to call the file. @throws UserError where its format is not known, or it is damaged */
export function parseTokenizer(bytes: Uint8Array, from: string): Tokenizer {
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
