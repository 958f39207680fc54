/** Reads a tokenizer out of a file's bytes, whichever of the known formats they are in. Where the bytes come from is not its business. */
import { UserError } from '../../errors.ts';
import { DESCRIPTION_FORMAT, descriptionSchema, fromDescription } from '../description.ts';
import { isSentencePieceModel, readSentencePieceModel } from '../sentencePiece/model.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { toText } from '../utf8.ts';
import { isEncoder } from './gpt2Files.ts';
import { isHuggingFace, readHuggingFace } from './huggingFace.ts';
import { isMinbpe, readMinbpe } from './minbpe.ts';
import { isTiktoken, readTiktoken } from './tiktoken.ts';

const KNOWN =
  'a tokenizer.json (of manygrad or Hugging Face), a minbpe or SentencePiece .model, a tiktoken rank file, or encoder.json with vocab.bpe beside it';

/** @param from what to call the file. @throws UserError where its format is not known, or it is damaged */
export function parseTokenizer(bytes: Uint8Array, from: string): Tokenizer {
  if (isSentencePieceModel(bytes)) return naming(from, () => readSentencePieceModel(bytes, from));
  return naming(from, () => parse(toText(bytes).replace(/^\ufeff/, ''), from));
}

function parse(text: string, from: string): Tokenizer {
  if (isMinbpe(text)) return readMinbpe(text, from);
  if (isTiktoken(text)) return readTiktoken(text, from);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${from} is no tokenizer, or is damaged: give ${KNOWN}.`);
  }
  if (typeof value === 'object' && value !== null && 'format' in value && value.format === DESCRIPTION_FORMAT) {
    const described = descriptionSchema.safeParse(value);
    if (described.success) return fromDescription(described.data);
    const at = described.error.issues[0]?.path.join('.') ?? '';
    throw new UserError(
      `${from} is damaged: ${at === '' ? 'it' : `its ${at}`} is not as manygrad writes it in a tokenizer.json.`,
    );
  }
  if (isHuggingFace(value)) return readHuggingFace(value, from);
  if (isEncoder(value))
    throw new UserError(`${from} looks like an encoder.json: call it that, and put its vocab.bpe beside it.`);
  throw new UserError(`${from} is no tokenizer: give ${KNOWN}.`);
}

/** Says of which file an error is. */
export function naming<T>(from: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof UserError && !error.message.startsWith(from)) throw new UserError(`${from}: ${error.message}`);
    throw error;
  }
}
