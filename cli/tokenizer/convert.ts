/** `manygrad tokenizer convert`: writes a tokenizer, whatever format it came in, in another. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../core/disk/errors.ts';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { describe, hashOf } from '../../core/tokenizer/description.ts';
import { writeGpt2Files } from '../../core/tokenizer/formats/gpt2Files.ts';
import { writeHuggingFace } from '../../core/tokenizer/formats/huggingFace.ts';
import { writeMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { writeTiktoken } from '../../core/tokenizer/formats/tiktoken.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import type { OutputMode } from '../output.ts';
import type { Format } from './formats.ts';
import { writing } from './sink.ts';

export interface ConvertArguments {
  readonly tokenizer: string;
  readonly to: Format;
  /** A file; the folder of the two files where the format is GPT-2's. */
  readonly out: string;
  readonly mode: OutputMode;
}

/** @throws UserError */
export async function convert({ tokenizer: from, to, out, mode }: ConvertArguments): Promise<void> {
  const tokenizer = await loadTokenizer(from);
  const texts = inFormat(tokenizer, to);
  if (to === 'gpt2') makeFolder(out);
  const files: string[] = [];
  for (const [name, text] of texts) {
    const file = name === '' ? out : join(out, name);
    await writing(file, (sink) => sink(text));
    files.push(file);
  }
  if (mode === 'json') console.log(JSON.stringify({ event: 'converted', to, files, hash: hashOf(tokenizer) }));
  if (mode === 'person') console.log(`Written: ${files.join(' and ')}.`);
}

/** The texts of a format's files, by their names; the name of one alone is the user's. @throws UserError where the format cannot hold it */
function inFormat(tokenizer: Tokenizer, to: Format): (readonly [name: string, text: string])[] {
  if (to === 'manygrad') return [['', `${JSON.stringify(describe(tokenizer))}\n`]];
  const isRegex = tokenizer instanceof RegexTokenizer;
  if (!isRegex && !(tokenizer instanceof BasicTokenizer))
    throw new UserError(`${to} files hold byte pairs, and this tokenizer is of another kind: use --to manygrad.`);
  switch (to) {
    case 'huggingface':
      return [['', writeHuggingFace(tokenizer)]];
    case 'minbpe':
      return [['', writeMinbpe(tokenizer)]];
    case 'tiktoken':
      return [['', writeTiktoken(tokenizer)]];
    case 'gpt2': {
      if (!isRegex)
        throw new UserError("GPT-2's files are of a tokenizer with a pattern, and this one has none: use --to minbpe.");
      const { encoderJson, vocabBpe } = writeGpt2Files(tokenizer);
      return [
        ['encoder.json', encoderJson],
        ['vocab.bpe', vocabBpe],
      ];
    }
    default:
      return to satisfies never;
  }
}

function makeFolder(out: string): void {
  try {
    mkdirSync(out, { recursive: true });
  } catch (error) {
    throw new UserError(
      `the folder ${out} cannot be made (${codeOf(error) ?? String(error)}): choose another with --out.`,
    );
  }
}
